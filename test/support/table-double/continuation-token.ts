import { ServiceError } from './service-error';

/** Where the next page begins: at a row, or at the first row of a partition. */
export interface PagePosition {
  readonly partitionKey: string;
  readonly rowKey?: string;
  /** How many empty pages were answered at this place, so that their tokens differ although nothing was read. */
  readonly hops?: number;
}

/** The two halves of a token as they travel, in reply headers and in the next request's query. */
export interface ContinuationToken {
  readonly nextPartitionKey: string;
  readonly nextRowKey?: string;
}

/** In the form of the service's own: `1!<length>!<base64>`. Clients must take it for opaque. */
export function toContinuationToken({ partitionKey, rowKey, hops = 0 }: PagePosition): ContinuationToken {
  const nextPartitionKey = toHalf(partitionKey, hops);
  return rowKey === undefined ? { nextPartitionKey } : { nextPartitionKey, nextRowKey: toHalf(rowKey, hops) };
}

/** Throws InvalidInput when the token is none of the double's. */
export function parseContinuationToken({ nextPartitionKey, nextRowKey }: ContinuationToken): PagePosition {
  const partition = parseHalf(nextPartitionKey);
  const position = { partitionKey: partition.key, hops: partition.hops };
  return nextRowKey === undefined ? position : { ...position, rowKey: parseHalf(nextRowKey).key };
}

function toHalf(key: string, hops: number): string {
  const encoded = Buffer.from(key, 'utf8').toString('base64url');
  return `${1 + hops}!${encoded.length}!${encoded}`;
}

function parseHalf(half: string): { key: string; hops: number } {
  const [, number, length, encoded] = /^(\d+)!(\d+)!([\w-]*)$/.exec(half) ?? [];
  if (encoded === undefined || encoded.length !== Number(length)) {
    throw new ServiceError('InvalidInput', `not a continuation token: ${half}`);
  }
  return { key: Buffer.from(encoded, 'base64url').toString('utf8'), hops: Number(number) - 1 };
}
