import { Logger } from '@nestjs/common';

/** The keys that were logged; more are not remembered, and each is logged once more then. */
const MOST_LOGGED = 1_000;
const logged = new Set<string>();
const logger = new Logger('Records');

/**
 * The text of a record in Redis does not parse. What it says is unknown, which is not that it says nothing: an answer about
 * it is 500. A SyntaxError, since Redis itself works: it is no 503.
 */
export class RecordUnreadableError extends SyntaxError {
  override readonly name = 'RecordUnreadableError';
  readonly code = 'RECORD_UNREADABLE';

  constructor(
    readonly key: string,
    cause: unknown,
  ) {
    super(`the record ${key} cannot be read`, { cause });
  }
}

/**
 * What `parse` makes of the text of a record. Logs the key where it throws, once per process; never the text, which may
 * hold what a log must not.
 *
 * @throws RecordUnreadableError
 */
export function parseRecord<T>(key: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    if (!logged.has(key)) {
      if (logged.size >= MOST_LOGGED) logged.clear();
      logged.add(key);
      logger.error({ code: 'RECORD_UNREADABLE', key }, 'a record in Redis cannot be read');
    }
    throw new RecordUnreadableError(key, error);
  }
}

/** The same for one record of many; undefined where it cannot be read. */
export function readRecord<T>(key: string, text: string, parse: (text: string) => T): T | undefined {
  try {
    return parseRecord(key, text, parse);
  } catch (error) {
    if (error instanceof RecordUnreadableError) return undefined;
    throw error;
  }
}
