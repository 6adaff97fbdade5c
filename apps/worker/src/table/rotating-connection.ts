import type { TableClient } from '@azure/data-tables';
import { pause } from '#shared/process/retry';
import { SecretError, SecretErrorCode } from '#shared/secrets/secret-error';
import { toSecretDelayMs } from '#shared/secrets/until-read';
import type { TableConnection } from './table-connection';

/**
 * A rotation changes the account and the vault one after the other. In between the vault has the key that the table
 * refuses; it is read again for this long.
 */
const ROTATION_LIMIT_MS = 10_000;

export interface RotatingConnectionOptions {
  /** @throws SecretError */
  read: (signal: AbortSignal) => Promise<string>;
  /** @throws SecretError SECRET_INVALID */
  toClient: (secret: string) => TableClient;
  refreshMs: number;
  /** How long a query waits for an unreachable vault while the table refuses the key. */
  patienceMs: number;
  onRotated: () => void;
  /** Called after a failed reading; the previous secret stays in use. */
  onFailure: (error: SecretError) => void;
}

/**
 * A connection with a secret that may be rotated. It reads the secret again on a timer, and at once when the table refuses
 * it: once for all pages that were refused together.
 *
 * It rejects a secret of another account: pages of two tables must not be mixed.
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
    // Renewed since the refused request was sent.
    if (refused !== this.client) return true;
    this.renewal ??= this.renewWithRetries(refused).finally(() => (this.renewal = undefined));
    return this.renewal;
  }

  stop(): void {
    clearInterval(this.timer);
    this.stopping.abort();
  }

  private async renewWithRetries(refused: TableClient): Promise<boolean> {
    const begunAt = performance.now();
    for (let attempt = 0; ; attempt += 1) {
      const error = await this.refresh();
      if (refused !== this.client) return true;
      const limitMs = error?.isPassing ? this.options.patienceMs : Math.min(ROTATION_LIMIT_MS, this.options.patienceMs);
      const delayMs = toSecretDelayMs(attempt, error?.options.retryAfterMs, Math.random());
      if (performance.now() + delayMs - begunAt > limitMs) return false;
      await pause(delayMs, this.stopping.signal).catch(() => {
        // Stopped: the next line returns.
      });
      if (this.stopping.signal.aborted) return false;
    }
  }

  /** Reads the secret, once at a time: of two readings the older could end last. @returns The failure, if any. */
  private refresh(): Promise<SecretError | undefined> {
    this.refreshing ??= this.readAgain().finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  private async readAgain(): Promise<SecretError | undefined> {
    const { read, toClient, onRotated, onFailure } = this.options;
    try {
      const secret = await read(this.stopping.signal);
      // Validates an unchanged secret too, which may have expired.
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
          : new SecretError(SecretErrorCode.Invalid, 'the connection string could not be read', { cause: error });
      onFailure(failure);
      return failure;
    }
  }
}
