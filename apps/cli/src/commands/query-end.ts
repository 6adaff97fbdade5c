import { abortWith } from '../abort';
import { CommandFailedError, ExitCode } from '../command-failed-error';
import { followQuery } from '../service/follow-query';
import { isEnded, type Query } from '../service/query';
import { toRange, toSummary } from '../show/query-text';
import { ask } from '../terminal/terminal';
import type { Session } from './run-command';

interface WaitOptions {
  /** When the command stops waiting; the query keeps running. Undefined: never. */
  timeoutSeconds?: number | undefined;
  /** Prints the status document as a line of JSON at each change. */
  isEachPrinted?: boolean;
}

const QUESTION = 'The query is still running. (t)erminate it, (l)eave it running and exit, or keep (w)aiting? ';

/**
 * Shows the progress of a query until it ends. Ctrl-C asks in a terminal whether to terminate the query; without a
 * terminal it ends the command and leaves the query running.
 *
 * @throws CommandFailedError INTERRUPTED or WAIT_TIMEOUT, which leave the query running; otherwise like followQuery.
 */
export async function waitForEnd(session: Session, id: string, options: WaitOptions = {}): Promise<Query> {
  const { terminal, view, interrupts, interruptKey } = session;
  const waiting = new AbortController();
  const release = abortWith(waiting, interrupts.signal);
  const timer =
    options.timeoutSeconds === undefined
      ? undefined
      : setTimeout(() => waiting.abort(createWaitTimeoutError(id)), options.timeoutSeconds * 1_000);
  const ended = new AbortController();
  if (terminal.isInteractive) {
    interrupts.onInterrupt = () => void askWhatToDo(session, id, ended.signal);
    interruptKey.listen();
  }
  let latest: Query | undefined;
  try {
    for await (const query of followQuery(session.service, id, waiting.signal)) {
      latest = query;
      if (options.isEachPrinted) await terminal.print(`${JSON.stringify(query)}\n`);
      else view.show(query);
    }
  } catch (error) {
    throw withId(waiting.signal.aborted ? waiting.signal.reason : error, id);
  } finally {
    clearTimeout(timer);
    release();
    interrupts.onInterrupt = undefined;
    interruptKey.stop();
    ended.abort();
    view.clear();
  }
  if (latest === undefined || !isEnded(latest)) throw new Error('followQuery returned before the query ended');
  return latest;
}

async function askWhatToDo(session: Session, id: string, ended: AbortSignal): Promise<void> {
  const { service, view, interrupts, interruptKey } = session;
  // Ctrl-C during the question ends the command.
  interrupts.onInterrupt = () => interrupts.end();
  view.pause();
  interruptKey.stop();
  const answer = await ask(QUESTION, ['t', 'l', 'w'], ended);
  view.resume();
  if (ended.aborted) return;
  interruptKey.listen();
  interrupts.onInterrupt = () => void askWhatToDo(session, id, ended);
  if (answer === 'w') return;
  if (answer !== 't') return interrupts.end();
  view.note('Terminating …');
  // followQuery then yields the end of the query.
  await service.terminate(id).catch((error: unknown) => {
    if (!ended.aborted)
      view.note(`The query could not be terminated: ${error instanceof Error ? error.message : 'unknown'}`);
  });
}

function createWaitTimeoutError(id: string): CommandFailedError {
  const message = 'The query did not end within --timeout.';
  return new CommandFailedError({ exitCode: ExitCode.NotFinished, code: 'WAIT_TIMEOUT', message, id });
}

function withId(error: unknown, id: string): unknown {
  if (!(error instanceof CommandFailedError)) return error;
  const { exitCode, code, message } = error;
  return new CommandFailedError({ exitCode, code, message, id, cause: error });
}

/**
 * Prints the result of an ended query: on stdout only the count, or the status document with `--json`.
 *
 * @param options.isPrinted Whether waitForEnd has printed the document.
 */
export async function printEnd(
  { terminal, isJson }: Session,
  query: Query,
  { isPrinted = false } = {},
): Promise<ExitCode> {
  const { status, result, error } = query;
  if (isJson && !isPrinted) await terminal.print(`${JSON.stringify(query)}\n`);
  if (status === 'Completed' && result !== null) {
    if (!isJson) {
      const heading = terminal.style('green', `Distinct people with a certificate, ${toRange(query)}`);
      terminal.printError(`${heading} (${toSummary(query)}):\n`);
      await terminal.print(`${result.count}\n`);
    }
    return ExitCode.Done;
  }
  if (!isJson) terminal.printError(`${terminal.style('red', `${status}:`)} ${error?.message ?? ''}\n`);
  return status === 'Terminated' ? ExitCode.QueryTerminated : ExitCode.QueryFailed;
}
