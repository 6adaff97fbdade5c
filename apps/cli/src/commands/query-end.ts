import { abortWith } from '../abort';
import { CommandFailedError, ExitCode } from '../command-failed-error';
import type { Session } from './run-command';
import { followQuery } from '../service/follow-query';
import { isEnded, type Query } from '../service/query';
import { toRange, toSummary } from '../show/query-text';
import { ask } from '../terminal/terminal';

/** What a wait may be told. */
export interface WaitOptions {
  /** Seconds until the command stops waiting, which terminates nothing; undefined: as long as it takes. */
  timeout?: number | undefined;
  /** One line of JSON at each change. */
  isEachPrinted?: boolean;
}

const QUESTION = 'The query is still running. (t)erminate it, (l)eave it running and go, or go on (w)aiting? ';

/**
 * Shows how a query goes on until it is over. Ctrl-C asks in a terminal what is to become of the query, and elsewhere
 * leaves it running.
 *
 * @throws CommandFailedError INTERRUPTED or WAIT_TIMEOUT, while the query goes on; or as followQuery does.
 */
export async function waitForEnd(session: Session, id: string, options: WaitOptions = {}): Promise<Query> {
  const { terminal, view, interrupts, interruptKey } = session;
  const waiting = new AbortController();
  const release = abortWith(waiting, interrupts.signal);
  const timer =
    options.timeout === undefined ? undefined : setTimeout(() => waiting.abort(createWaitTimeoutError(id)), options.timeout * 1_000);
  const over = new AbortController();
  if (terminal.isInteractive) {
    interrupts.onInterrupt = () => void askWhatToDo(session, id, over.signal);
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
    over.abort();
    view.clear();
  }
  if (latest === undefined || !isEnded(latest)) throw new Error('the query was followed to no end');
  return latest;
}

async function askWhatToDo(session: Session, id: string, over: AbortSignal): Promise<void> {
  const { service, view, interrupts, interruptKey } = session;
  // The signals that come while it is asked are not for a second question.
  interrupts.onInterrupt = () => interrupts.end();
  view.pause();
  interruptKey.stop();
  const answer = await ask(QUESTION, ['t', 'l', 'w'], over);
  view.resume();
  if (over.aborted) return;
  interruptKey.listen();
  interrupts.onInterrupt = () => void askWhatToDo(session, id, over);
  if (answer === 'w') return;
  if (answer !== 't') return interrupts.end();
  view.note('Terminating …');
  // Whoever follows the query hears of its end.
  await service.terminate(id).catch((error: unknown) => {
    if (!over.aborted) view.note(`It could not be terminated: ${error instanceof Error ? error.message : 'unknown'}`);
  });
}

function createWaitTimeoutError(id: string): CommandFailedError {
  const message = 'The query has not ended in the time that --timeout gives.';
  return new CommandFailedError({ exitCode: ExitCode.NotFinished, code: 'WAIT_TIMEOUT', message, id });
}

/** So that whoever reads the error can go on with the query. */
function withId(error: unknown, id: string): unknown {
  if (!(error instanceof CommandFailedError)) return error;
  const { exitCode, code, message } = error;
  return new CommandFailedError({ exitCode, code, message, id, cause: error });
}

/**
 * Prints what came of a query: on stdout the count and nothing else, or the document as JSON.
 *
 * @param query One that is over.
 * @param options.isPrinted As JSON, by whoever followed it.
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
      const heading = terminal.style.error('green', `Distinct people with a certificate, ${toRange(query)}`);
      terminal.printError(`${heading} (${toSummary(query)}):\n`);
      await terminal.print(`${result.count}\n`);
    }
    return ExitCode.Done;
  }
  if (!isJson) terminal.printError(`${terminal.style.error('red', `${status}:`)} ${error?.message ?? ''}\n`);
  return status === 'Terminated' ? ExitCode.QueryTerminated : ExitCode.QueryFailed;
}
