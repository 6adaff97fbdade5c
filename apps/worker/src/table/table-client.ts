import { TableClient } from '@azure/data-tables';

/** How the table is reached. The one place to add another way to. */
export interface TableConnection {
  /** A secret. */
  connectionString: string;
  tableName: string;
  /** Whether plain http will do, as for an emulator. */
  allowInsecureConnection: boolean;
}

/**
 * The SDK's client, for its credential, its signing and its TLS. It does not retry, since it would wait as
 * long as any `Retry-After` says and give up on replies that are cut: the page reader decides that.
 */
export function createTableClient({
  connectionString,
  tableName,
  allowInsecureConnection,
}: TableConnection): TableClient {
  const client = TableClient.fromConnectionString(connectionString, tableName, {
    retryOptions: { maxRetries: 0 },
    allowInsecureConnection,
  });
  // It parses every reply a second time, for a mapper that is not used here.
  client.pipeline.removePolicy({ name: 'deserializationPolicy' });
  return client;
}
