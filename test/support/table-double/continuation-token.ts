import { ServiceError } from './service-error';

/** Where the next page begins: at a row, or at the first row of a partition. */
export interface PagePosition {
  readonly partitionKey: string;
  readonly rowKey?: string;
  /** The number of empty pages answered at this place, so that their tokens differ. */
  readonly hops?: number;
}

/** The two halves of a token, as in reply headers and in the query of the next request. */
export interface ContinuationToken {
  readonly nextPartitionKey: string;
  readonly nextRowKey?: string;
}

/** In the form of the service, `1!<length>!<base64>`. Clients must treat it as opaque. */
export function toContinuationToken({ partitionKey, rowKey, hops = 0 }: PagePosition): ContinuationToken {
  const nextPartitionKey = toHalf(partitionKey, hops);
  return rowKey === undefined ? { nextPartitionKey } : { nextPartitionKey, nextRowKey: toHalf(rowKey, hops) };
}

/** Throws InvalidInput if the token is not one of the double. */
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
