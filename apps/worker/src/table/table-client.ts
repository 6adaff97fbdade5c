import { TableClient } from '@azure/data-tables';
import type { AzureCredential } from '#shared/secrets/azure-credential';

/** With what the table is asked for: a secret, or who this process is. */
type TableCredential = { connectionString: string } | { accountUrl: string; credential: AzureCredential };

/** How the table is reached. */
export type TableAccess = TableCredential & {
  tableName: string;
  /** Whether plain http will do, as for an emulator. An identity never goes over plain http. */
  allowInsecureConnection: boolean;
};

/**
 * The SDK's client, for its credential, its signing and its TLS. The one place that knows how it is made. It does not
 * retry, since it would wait for whatever `Retry-After` says and give up on replies that are cut: the page reader
 * decides that.
 *
 * @throws Error when the connection string is none.
 */
export function createTableClient(access: TableAccess): TableClient {
  const { tableName, allowInsecureConnection } = access;
  const options = { retryOptions: { maxRetries: 0 }, allowInsecureConnection };
  const client =
    'connectionString' in access
      ? TableClient.fromConnectionString(access.connectionString, tableName, options)
      : new TableClient(access.accountUrl.replace(/\/+$/, ''), tableName, access.credential, options);
  // It parses every reply a second time, for a mapper that is not used here.
  client.pipeline.removePolicy({ name: 'deserializationPolicy' });
  return client;
}
