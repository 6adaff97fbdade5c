import { Logger } from '@nestjs/common';

/** The keys that were logged. Beyond this number the list is cleared, and each may be logged again. */
const MOST_LOGGED = 1_000;
const logged = new Set<string>();
const logger = new Logger('Records');

/**
 * The text of a record in Redis does not parse. The state of the query is unknown, not absent: the answer is 500. A
 * SyntaxError, since Redis itself works: the answer is not 503.
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
 * Parses the text of a record by `parse`. If that throws, logs the key once per process, never the text, which may hold
 * personal data.
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

/** The same for one record of many; undefined when it does not parse. */
export function readRecord<T>(key: string, text: string, parse: (text: string) => T): T | undefined {
  try {
    return parseRecord(key, text, parse);
  } catch (error) {
    if (error instanceof RecordUnreadableError) return undefined;
    throw error;
  }
}
