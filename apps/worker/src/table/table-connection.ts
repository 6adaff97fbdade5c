import {
  AzureNamedKeyCredential,
  AzureSASCredential,
  TableClient,
  type TableServiceClientOptions,
} from '@azure/data-tables';
import { parseConnectionString, parseTableUrl } from '#shared/config/table-account';
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
 * @throws Error when the connection string or the URL breaks a rule of `table-account.ts`.
 */
export function createTableClient(access: TableAccess): TableClient {
  const { allowInsecureConnection } = access;
  const options = { retryOptions: { maxRetries: 0 }, allowInsecureConnection };
  const client = createClient(access, options);
  // It parses every reply a second time, for a mapper that is not used here.
  client.pipeline.removePolicy({ name: 'deserializationPolicy' });
  return client;
}

/** Not by `fromConnectionString`, which has no defaults and puts a SAS into the client's URL, where nothing adds it to requests. */
function createClient(access: TableAccess, options: TableServiceClientOptions): TableClient {
  const { tableName } = access;
  if ('accountUrl' in access) {
    return new TableClient(parseTableUrl(access.accountUrl), tableName, access.credential, options);
  }
  const { url, credential } = parseConnectionString(access.connectionString);
  // Two calls: the constructor's overloads take one kind of credential each.
  return credential.kind === 'sas'
    ? new TableClient(url, tableName, new AzureSASCredential(credential.token), options)
    : new TableClient(
        url,
        tableName,
        new AzureNamedKeyCredential(credential.accountName, credential.accountKey),
        options,
      );
}

/** The client with which the table is asked for at the moment. */
export interface TableConnection {
  readonly client: TableClient;
  /**
   * Told that the table refused the credential of `refused`. Whether it is worth asking again, with the client that
   * there is then.
   */
  renew(refused: TableClient): Promise<boolean>;
  /** Ends what it does on its own. */
  stop(): void;
}

/** For a credential that lasts as long as the process. */
export function toFixedConnection(client: TableClient): TableConnection {
  return { client, renew: async () => false, stop: () => {} };
}

/**
 * A client asks for a token when it needs one and keeps it. When the table refuses it, a new client asks anew, once for
 * all pages that were refused together; what the platform itself keeps of tokens is out of reach.
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
