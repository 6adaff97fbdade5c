import type { TableClient } from '@azure/data-tables';
import type { TableConnection } from './table-connection';

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
