import { ExitCode } from './command-failed-error';
import type { Query } from './service/query';
import type { Session } from './session';
import { toRange, toSummary } from './show/query-text';

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
