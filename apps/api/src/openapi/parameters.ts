import { EXAMPLE_ID } from './query-examples';
import { ID_SCHEMA } from './query-schemas';

/** The id in a path. */
export const ID_PARAMETER = {
  name: 'id',
  description: 'The `id` of the query.',
  schema: ID_SCHEMA as object,
  examples: { id: { value: EXAMPLE_ID } },
};

export const WAIT_PARAMETER = {
  name: 'wait',
  required: false,
  description:
    'A long poll: for how many seconds the answer may be held back until the query has ended, or has changed against `If-None-Match`. More than the service allows is what it allows.',
  schema: { type: 'integer', format: 'int32', minimum: 0, maximum: 999_999_999 },
};

export const PREFER_WAIT = {
  name: 'Prefer',
  description: '`wait=N`: hold the answer back for up to so many seconds (RFC 7240). Goes behind the parameter `wait`.',
  schema: { type: 'string', pattern: '^[\\x20-\\x7e]*$', maxLength: 1_000 },
};

export const IF_NONE_MATCH = {
  name: 'If-None-Match',
  description: 'The `ETag` of the document that the client has.',
  schema: { type: 'string', pattern: '^[\\x20-\\x7e]*$', maxLength: 1_000 },
};

export const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  description: 'The `id` of the last event that the client has seen: it is not sent again.',
  schema: { type: 'string', pattern: '^[\\x20-\\x7e]*$', maxLength: 100 },
};
