import { type Command, InvalidArgumentError, type OptionValues } from '@commander-js/extra-typings';
import { isCalendarDay } from '#shared/contract/calendar-day';
import { isQueryId } from '#shared/contract/query-id';

/** Longer than the longest `Retry-After` of the service, which is one minute. */
const DEFAULT_RETRY_SECONDS = 120;

/** A timer with more than 2^31 ms fires at once. */
const LONGEST_WAIT_SECONDS = 2_000_000;

/** The options that every command has. No option takes a credential, because every user of a machine can read command lines. */
export function withCommonOptions<A extends unknown[], O extends OptionValues>(command: Command<A, O>) {
  return command
    .option('--url <url>', 'URL of the service; AUDIT_QUERY_URL by default')
    .option('--api-key-file <file>', 'file with the API key; - reads standard input')
    .option('--token-file <file>', 'file with an access token; - reads standard input')
    .option(
      '--retry-for <seconds>',
      'how long to retry while the service is unreachable or busy; 0: no retry',
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
  const rule = `It must be a whole number of seconds, at most ${LONGEST_WAIT_SECONDS}.`;
  return parseWholeNumber(text, 0, LONGEST_WAIT_SECONDS, rule);
}

/** @throws InvalidArgumentError */
export function parsePageSize(text: string): number {
  return parseWholeNumber(text, 1, 100, 'It must be a whole number from 1 to 100.');
}

/** @throws InvalidArgumentError */
export function parseQueryId(text: string): string {
  if (!isQueryId(text))
    throw new InvalidArgumentError('It must be an id of 32 hex digits, as submit and list print it.');
  return text;
}

function parseWholeNumber(text: string, least: number, most: number, rule: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) throw new InvalidArgumentError(rule);
  return value;
}
