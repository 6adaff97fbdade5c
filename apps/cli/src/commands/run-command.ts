import { CommandFailedError, ExitCode } from '../command-failed-error';
import { ServiceClient } from '../service/service-client';
import { resolveSettings } from '../settings/settings';
import { loadConfigFile, parseEnvironment } from '../settings/settings-sources';
import { ProgressView } from '../show/progress-view';
import { formatDuration } from '../show/query-text';
import { InterruptKey, type Interrupts } from '../terminal/interrupts';
import type { Terminal } from '../terminal/terminal';

/** Everything that a command needs to use the service. */
export interface Session {
  service: ServiceClient;
  terminal: Terminal;
  interrupts: Interrupts;
  interruptKey: InterruptKey;
  view: ProgressView;
  isJson: boolean;
}

/** With these exit codes, the query may still be running. */
const EXIT_CODES_OF_RUNNING_QUERY = new Set<ExitCode>([
  ...[ExitCode.NotFinished, ExitCode.ServiceUnavailable],
  ...[ExitCode.Sighup, ExitCode.Interrupted, ExitCode.Sigterm],
]);

const OPTIONS = { url: '--url', apiKeyFile: '--api-key-file', tokenFile: '--token-file' };

/** The process in which a command runs. */
export interface CommandContext {
  terminal: Terminal;
  interrupts: Interrupts;
  environment: NodeJS.ProcessEnv;
  /** Set by the command that ran. */
  exitCode: ExitCode;
}

/** The options that every command has. */
export interface CommonOptions {
  url?: string | undefined;
  apiKeyFile?: string | undefined;
  tokenFile?: string | undefined;
  /** In seconds. */
  retryFor: number;
  json?: true | undefined;
}

/** Runs a command with the service. Reports every error as one sentence, and sets the exit code. */
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
  // Not earlier: reading a credential from a pipe blocks the event loop, so no listener could handle a signal.
  interrupts.listen();
  const onRetry = (error: CommandFailedError, waitMs: number, remainingMs: number) => {
    const [wait, limit] = [waitMs, remainingMs].map((ms) => formatDuration(Math.max(1, ms / 1_000)));
    view.note(terminal.style('yellow', `${error.message} Retrying in ${wait}, for at most ${limit}.`));
  };
  const service = new ServiceClient(settings, { retryMs: retryFor * 1_000, onRetry }, interrupts.signal);
  const interruptKey = new InterruptKey(environment, () => interrupts.interrupt());
  return { service, terminal, interrupts, interruptKey, view, isJson: json === true };
}

async function report(error: unknown, terminal: Terminal, isJson: boolean): Promise<ExitCode> {
  const failed = error instanceof CommandFailedError ? error : toUnexpectedError(error);
  const { exitCode, code, message, id } = failed;
  if (isJson) await terminal.print(`${JSON.stringify({ error: { code, message }, ...(id && { id }) })}\n`);
  terminal.printError(`${terminal.style('red', 'audit-query:')} ${message} (${code})\n`);
  if (id !== undefined && EXIT_CODES_OF_RUNNING_QUERY.has(exitCode))
    terminal.printError(`The query was not terminated. Wait for it: audit-query watch ${id}\n`);
  if (exitCode === ExitCode.Unexpected && error instanceof Error) terminal.printError(`${error.stack}\n`);
  return exitCode;
}

function toUnexpectedError(cause: unknown): CommandFailedError {
  const message = 'This is a bug in audit-query.';
  return new CommandFailedError({ exitCode: ExitCode.Unexpected, code: 'UNEXPECTED', message, cause });
}
