import { type Command, InvalidArgumentError, type OptionValues } from '@commander-js/extra-typings';
import { isCalendarDay } from '#shared/contract/calendar-day';
import { isQueryId } from '#shared/contract/query-id';

/** The service asks for a minute at most (Retry-After): with less, that would be the end. */
const DEFAULT_RETRY_SECONDS = 120;

/** Timers take no more than 2^31 ms, and fire at once for more. */
const LONGEST_WAIT_SECONDS = 2_000_000;

/** The options that each command has; a credential is never one, since everyone on the machine sees command lines. */
export function withCommonOptions<A extends unknown[], O extends OptionValues>(command: Command<A, O>) {
  return command
    .option('--url <url>', 'where the service is; else AUDIT_QUERY_URL')
    .option('--api-key-file <file>', 'a file with the API key; - for the standard input')
    .option('--token-file <file>', 'a file with an access token; - for the standard input')
    .option(
      '--retry-for <seconds>',
      'how long to go on trying while the service is away or busy; 0: once',
      parseWaitSeconds,
      DEFAULT_RETRY_SECONDS,
    )
    .option('--json', 'print JSON');
}

/** @throws InvalidArgumentError */
export function parseDay(text: string): string {
  if (!isCalendarDay(text)) throw new InvalidArgumentError('It must be a day that exists, such as 2021-10-10.');
  return text;
}

/** @throws InvalidArgumentError */
export function parseSeconds(text: string): number {
  return parseWholeNumber(text, 0, 1_000_000_000, 'It must be a whole number of seconds.');
}

/** @throws InvalidArgumentError */
export function parseWaitSeconds(text: string): number {
  const rule = `It must be a whole number of seconds, ${LONGEST_WAIT_SECONDS} at most.`;
  return parseWholeNumber(text, 0, LONGEST_WAIT_SECONDS, rule);
}

/** @throws InvalidArgumentError */
export function parsePageSize(text: string): number {
  return parseWholeNumber(text, 1, 100, 'It must be a whole number from 1 to 100.');
}

/** @throws InvalidArgumentError */
export function parseQueryId(text: string): string {
  if (!isQueryId(text))
    throw new InvalidArgumentError('It must be 32 hex digits, as submit and list print.');
  return text;
}

function parseWholeNumber(text: string, least: number, most: number, rule: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) throw new InvalidArgumentError(rule);
  return value;
}
