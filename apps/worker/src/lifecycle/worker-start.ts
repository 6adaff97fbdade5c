import { Logger } from '@nestjs/common';
import type { RunningQuery } from '#shared/contract/worker-beat';
import type { SecretError } from '#shared/secrets/secret-error';
import { untilRead } from '#shared/secrets/until-read';
import type { QueryExecution } from '../queries/query-execution';
import type { QueryProcessor } from '../queries/query.processor';
import type { PageReader } from '../table/page-reader';
import type { TableConnection } from '../table/table-connection';
import type { PurgeProcessor } from '../tasks/purge.processor';
import type { OpenTable } from './create-table-scan';
import type { RunningLimit } from './running-limit';

export interface WorkerStartPorts {
  /** @throws SecretError */
  openConnection: (signal: AbortSignal) => Promise<TableConnection>;
  /** @throws SecretError */
  readHashKey: (signal: AbortSignal) => Promise<string>;
  createExecution: (table: OpenTable) => Promise<{ pages: PageReader; execution: QueryExecution }>;
  /** Resolves when Redis has all that the service needs. */
  untilFit: (signal: AbortSignal) => Promise<void>;
}

/**
 * | state | entered when | meanwhile | left by |
 * |---|---|---|---|
 * | waiting | `begin` | reads the secrets with retries, waits until Redis lacks nothing, writes the limit of running queries; live, not ready, no query is taken; purges need no secrets | all of that is done, or `stop` |
 * | taking queries | all of that is done | `pages` is set | the end of the process |
 * | stopped | `stop` while waiting | | the end of the process |
 */
export class WorkerStart {
  pages: PageReader | undefined;
  private readonly logger = new Logger(WorkerStart.name);
  private readonly stopping = new AbortController();
  private readonly problems = new Map<string, SecretError>();
  private connection: TableConnection | undefined;
  private execution: QueryExecution | undefined;

  constructor(
    private readonly queries: QueryProcessor,
    private readonly purges: PurgeProcessor,
    private readonly limit: RunningLimit,
    private readonly ports: WorkerStartPorts,
  ) {}

  /** The failures that it retries; empty before the first attempt has failed. */
  get missing(): readonly SecretError[] {
    return [...this.problems.values()];
  }

  /** The queries that this process runs now. */
  listRunning(): RunningQuery[] {
    return this.execution?.listRunning() ?? [];
  }

  /** @throws Any error that is no SecretError. Resolves without one after `stop`. */
  async begin(): Promise<void> {
    try {
      const [connection, hashKey] = await Promise.all([
        this.read('the table connection', async (signal) => {
          this.connection = await this.ports.openConnection(signal);
          return this.connection;
        }),
        this.read('the hash key', this.ports.readHashKey),
        this.ports.untilFit(this.stopping.signal).then(() => this.purges.begin()),
      ]);
      const { pages, execution } = await this.ports.createExecution({ connection, hashKey });
      this.pages = pages;
      this.execution = execution;
      await this.limit.decide(this.stopping.signal);
      this.queries.begin(execution);
      this.logger.log('Taking queries');
    } catch (error) {
      if (!this.stopping.signal.aborted) throw error;
    }
  }

  /** Ends the waiting state. Running queries continue. */
  stop(): void {
    this.stopping.abort();
  }

  /** Call after the queries were returned to the queue: earlier, a page that waits for a new key would fail its query. */
  close(): void {
    this.connection?.stop();
  }

  private async read<T>(what: string, read: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.stopping;
    const onFailure = (error: SecretError, delayMs: number) => {
      this.problems.set(what, error);
      const delay = `retrying in ${(delayMs / 1_000).toFixed(1)} s`;
      this.logger[error.isPassing ? 'warn' : 'error'](`${error.code} for ${what}: ${error.message}; ${delay}`);
    };
    const value = await untilRead(() => read(signal), onFailure, signal);
    this.problems.delete(what);
    return value;
  }
}
