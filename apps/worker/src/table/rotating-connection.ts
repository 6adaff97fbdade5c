import type { TableClient } from '@azure/data-tables';
import { pause } from '#shared/lifecycle/retry';
import { SecretError, SecretErrorCode } from '#shared/secrets/secret-error';
import { toSecretDelayMs } from '#shared/secrets/until-read';
import type { TableConnection } from './table-connection';

/**
 * A rotation changes the account and the vault one after the other. Whoever reads in between finds the key that was
 * just refused, and looks again for this long.
 */
const ROTATION_LIMIT_MS = 10_000;

export interface RotatingConnectionOptions {
  /** @throws SecretError */
  read: (signal: AbortSignal) => Promise<string>;
  /** @throws SecretError SECRET_INVALID */
  toClient: (secret: string) => TableClient;
  refreshMs: number;
  /** How long a query waits for a vault that is away while the table refuses the key that it has. */
  patienceMs: number;
  onRotated: () => void;
  /** The secret that was there before is kept. */
  onFailure: (error: SecretError) => void;
}

/**
 * Reads its secret again on a timer, and at once when the table refuses it: then once for all pages that were refused
 * together.
 *
 * The account never changes: what was read of one table must not be joined with what is read of another.
 */
export class RotatingConnection implements TableConnection {
  client: TableClient;
  private readonly stopping = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private renewal: Promise<boolean> | undefined;
  private refreshing: Promise<SecretError | undefined> | undefined;

  constructor(
    private secret: string,
    private readonly options: RotatingConnectionOptions,
  ) {
    this.client = options.toClient(secret);
    this.timer = setInterval(() => void this.refresh(), options.refreshMs);
  }

  async renew(refused: TableClient): Promise<boolean> {
    // Renewed while the refused request was under way.
    if (refused !== this.client) return true;
    this.renewal ??= this.renewPatiently(refused).finally(() => (this.renewal = undefined));
    return this.renewal;
  }

  stop(): void {
    clearInterval(this.timer);
    this.stopping.abort();
  }

  private async renewPatiently(refused: TableClient): Promise<boolean> {
    const begunAt = performance.now();
    for (let attempt = 0; ; attempt += 1) {
      const error = await this.refresh();
      if (refused !== this.client) return true;
      const limitMs = error?.isPassing ? this.options.patienceMs : Math.min(ROTATION_LIMIT_MS, this.options.patienceMs);
      const delayMs = toSecretDelayMs(attempt, error?.options.retryAfterMs, Math.random());
      if (performance.now() + delayMs - begunAt > limitMs) return false;
      await pause(delayMs, this.stopping.signal).catch(() => {
        // Whoever waits is being stopped too.
      });
      if (this.stopping.signal.aborted) return false;
    }
  }

  /** One reading at a time: of two, the older secret could come last. Gives what was wrong with it. */
  private refresh(): Promise<SecretError | undefined> {
    this.refreshing ??= this.readAgain().finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  private async readAgain(): Promise<SecretError | undefined> {
    const { read, toClient, onRotated, onFailure } = this.options;
    try {
      const secret = await read(this.stopping.signal);
      // Also of a secret that is the same, which may have expired.
      const client = toClient(secret);
      if (secret === this.secret) return undefined;
      if (new URL(client.url).href !== new URL(this.client.url).href) {
        throw new SecretError(SecretErrorCode.Invalid, 'the connection string names another account than before');
      }
      this.secret = secret;
      this.client = client;
      onRotated();
      return undefined;
    } catch (error) {
      if (this.stopping.signal.aborted) return undefined;
      const failure =
        error instanceof SecretError
          ? error
          : new SecretError(SecretErrorCode.Invalid, 'the connection string was not read', { cause: error });
      onFailure(failure);
      return failure;
    }
  }
}
