import type { TableClient } from '@azure/data-tables';

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
