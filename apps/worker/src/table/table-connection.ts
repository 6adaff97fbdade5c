import {
  AzureNamedKeyCredential,
  AzureSASCredential,
  TableClient,
  type TableServiceClientOptions,
} from '@azure/data-tables';
import { parseConnectionString, parseTableUrl } from '#shared/config/table-account';
import type { AzureCredential } from '#shared/secrets/azure-credential';

/** The credential of requests: a connection string, or the identity of this process. */
type TableCredential = { connectionString: string } | { accountUrl: string; credential: AzureCredential };

/** The table and its credential. */
export type TableAccess = TableCredential & {
  tableName: string;
  /** Whether plain http is allowed, as for an emulator. Tokens of an identity are never sent over plain http. */
  allowInsecureConnection: boolean;
};

/**
 * Creates the SDK's client, for its credential, its signing and its TLS. It does not retry: it would wait for any
 * `Retry-After` and give up on replies that are cut, which the page reader handles.
 *
 * @throws Error when the connection string or the URL breaks a rule of `table-account.ts`.
 */
export function createTableClient(access: TableAccess): TableClient {
  const { allowInsecureConnection } = access;
  const options = { retryOptions: { maxRetries: 0 }, allowInsecureConnection };
  const client = createClient(access, options);
  // It would parse every reply a second time, for a mapper that is not used here.
  client.pipeline.removePolicy({ name: 'deserializationPolicy' });
  return client;
}

/** Not by `fromConnectionString`: it lacks defaults, and puts a SAS into the client's URL but not into requests. */
function createClient(access: TableAccess, options: TableServiceClientOptions): TableClient {
  const { tableName } = access;
  if ('accountUrl' in access) {
    return new TableClient(parseTableUrl(access.accountUrl), tableName, access.credential, options);
  }
  const { url, credential } = parseConnectionString(access.connectionString);
  // Two calls, because each overload of the constructor takes one kind of credential.
  return credential.kind === 'sas'
    ? new TableClient(url, tableName, new AzureSASCredential(credential.token), options)
    : new TableClient(
        url,
        tableName,
        new AzureNamedKeyCredential(credential.accountName, credential.accountKey),
        options,
      );
}

/** A client of the table whose credential can be renewed. */
export interface TableConnection {
  readonly client: TableClient;
  /**
   * Renews the credential after the table refused that of `refused`.
   *
   * @returns Whether a retry with the new `client` may succeed.
   */
  renew(refused: TableClient): Promise<boolean>;
  /** Stops its timers. */
  stop(): void;
}

/** A connection whose credential never changes. */
export function toFixedConnection(client: TableClient): TableConnection {
  return { client, renew: async () => false, stop: () => {} };
}

/**
 * A connection with an identity. Its client requests a token when it needs one, and caches it. When the table refuses the
 * token, a new client requests another one, once for all pages that were refused together. The platform's own cache of
 * tokens cannot be cleared.
 */
export class IdentityConnection implements TableConnection {
  constructor(
    private readonly createClient: () => TableClient,
    public client = createClient(),
  ) {}

  async renew(refused: TableClient): Promise<boolean> {
    if (refused === this.client) this.client = this.createClient();
    return true;
  }

  stop(): void {}
}
