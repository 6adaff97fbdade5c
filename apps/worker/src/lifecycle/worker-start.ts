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
  /** Waits for a Redis that has all that is needed. */
  untilFit: (signal: AbortSignal) => Promise<void>;
}

/**
 * Waiting: retries reading the secrets, and checks Redis until it lacks nothing; then writes the bound of all workers to Redis.
 * The process lives, is not ready, and takes no query; purges need no secrets.
 * Taking queries: entered once, when all of that is done; `pages` is set.
 * Stopped: from waiting, for good.
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

  /** Why it waits; none before the first attempt has failed. */
  get missing(): readonly SecretError[] {
    return [...this.problems.values()];
  }

  /** The queries that this process runs at the moment. */
  listRunning(): RunningQuery[] {
    return this.execution?.listRunning() ?? [];
  }

  /** @throws what is no matter of secrets; nothing once it is stopped. */
  async begin(): Promise<void> {
    try {
      const [connection, hashKey] = await Promise.all([
        this.read('the connection to the table', async (signal) => {
          this.connection = await this.ports.openConnection(signal);
          return this.connection;
        }),
        this.read('the key of the hashes', this.ports.readHashKey),
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

  /** Ends the waiting; whoever takes queries goes on. */
  stop(): void {
    this.stopping.abort();
  }

  /** Only after the queries were given back: a page that waits for a new key would fail its query instead. */
  close(): void {
    this.connection?.stop();
  }

  private async read<T>(what: string, read: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.stopping;
    const onFailure = (error: SecretError, delayMs: number) => {
      this.problems.set(what, error);
      const again = `trying again in ${(delayMs / 1_000).toFixed(1)} s`;
      this.logger[error.isPassing ? 'warn' : 'error'](`${error.code} for ${what}: ${error.message}; ${again}`);
    };
    const value = await untilRead(() => read(signal), onFailure, signal);
    this.problems.delete(what);
    return value;
  }
}
