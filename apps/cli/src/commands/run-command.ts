import { CommandFailedError, ExitCode } from '../command-failed-error';
import { ServiceClient } from '../service/service-client';
import { resolveSettings } from '../settings/settings';
import { type Environment, loadConfigFile, parseEnvironment } from '../settings/settings-sources';
import { ProgressView } from '../show/progress-view';
import { formatDuration } from '../show/query-text';
import { InterruptKey, type Interrupts } from '../terminal/interrupts';
import type { Terminal } from '../terminal/terminal';

/** What every command that speaks to the service works with. */
export interface Session {
  service: ServiceClient;
  terminal: Terminal;
  interrupts: Interrupts;
  interruptKey: InterruptKey;
  view: ProgressView;
  isJson: boolean;
}

/** Ends that say nothing of the query. */
const LEAVES_QUERY_RUNNING = new Set<ExitCode>([
  ...[ExitCode.NotFinished, ExitCode.ServiceUnavailable],
  ...[ExitCode.Sighup, ExitCode.Interrupted, ExitCode.Sigterm],
]);

const OPTIONS = { url: '--url', apiKeyFile: '--api-key-file', tokenFile: '--token-file' };

/** The process, as a command sees it. */
export interface CommandContext {
  terminal: Terminal;
  interrupts: Interrupts;
  environment: Environment;
  /** Set by the command that ran. */
  exitCode: ExitCode;
}

/** The options that each command has. */
export interface CommonOptions {
  url?: string | undefined;
  apiKeyFile?: string | undefined;
  tokenFile?: string | undefined;
  /** In seconds. */
  retryFor: number;
  json?: true | undefined;
}

/** Runs a command in a session with the service, and turns whatever goes wrong into a sentence and an exit code. */
export async function runCommand(
  context: CommandContext,
  options: CommonOptions,
  work: (session: Session) => Promise<ExitCode>,
): Promise<void> {
  const isJson = options.json === true;
  try {
    context.exitCode = await work(openSession(context, options));
  } catch (error) {
    context.exitCode = await report(error, context.terminal, isJson);
  }
}

function openSession({ terminal, interrupts, environment }: CommandContext, options: CommonOptions): Session {
  const { url, apiKeyFile, tokenFile, retryFor, json } = options;
  const view = new ProgressView(terminal);
  const settings = resolveSettings([
    { place: 'the command line', names: OPTIONS, url, apiKeyFile, tokenFile },
    parseEnvironment(environment),
    loadConfigFile(environment),
  ]);
  // Not before: while a credential is read from a pipe or a terminal, nothing could be told of a signal.
  interrupts.listen();
  const onRetry = (error: CommandFailedError, waitMs: number, retryMs: number) => {
    const [wait, limit] = [waitMs, retryMs].map((ms) => formatDuration(Math.max(1, ms / 1_000)));
    view.note(terminal.style.error('yellow', `${error.message} Trying again in ${wait}, for ${limit} at most.`));
  };
  const service = new ServiceClient(settings, { retryMs: retryFor * 1_000, onRetry }, interrupts.signal);
  const interruptKey = new InterruptKey(environment, () => interrupts.interrupt());
  return { service, terminal, interrupts, interruptKey, view, isJson: json === true };
}

async function report(error: unknown, terminal: Terminal, isJson: boolean): Promise<ExitCode> {
  const failed = error instanceof CommandFailedError ? error : toUnexpected(error);
  const { exitCode, code, message, id } = failed;
  if (isJson) await terminal.print(`${JSON.stringify({ error: { code, message }, ...(id && { id }) })}\n`);
  terminal.printError(`${terminal.style.error('red', 'audit-query:')} ${message} (${code})\n`);
  if (id !== undefined && LEAVES_QUERY_RUNNING.has(exitCode)) terminal.printError(`The query goes on: audit-query watch ${id}\n`);
  if (exitCode === ExitCode.Unexpected && error instanceof Error) terminal.printError(`${error.stack}\n`);
  return exitCode;
}

function toUnexpected(cause: unknown): CommandFailedError {
  const message = 'This is a mistake of the command itself.';
  return new CommandFailedError({ exitCode: ExitCode.Unexpected, code: 'UNEXPECTED', message, cause });
}
