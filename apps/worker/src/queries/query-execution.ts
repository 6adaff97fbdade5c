import { Logger } from '@nestjs/common';
import { listDays } from '#shared/contract/calendar-day';
import { noProgress, type QueryProgress } from '#shared/contract/query-document';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import type { DayRecord } from '#shared/contract/query-history';
import type { RunningQuery } from '#shared/contract/worker-beat';
import type { QueryHistories } from '#shared/redis/query-histories';
import type { JobProgress, QueryRuns, RunStart, RunReport, RunTrust } from '#shared/redis/query-runs';
import { untilTaken } from '#shared/redis/retry-commands';
import type { HeldQuery, OutcomePublisher } from './outcome-publisher';
import type { Stay } from './quarantine';
import { type Ending, RunHistory, toEnding } from './run-history';
import { type QueryAnswer, type QueryInput, type QueryPorts, runQuery } from './run-query';
import { RunStoppedError, RunWatch } from './run-watch';

export interface TakenQuery extends HeldQuery {
  /** Its place among the runs of the process. */
  stay: Pick<Stay, 'becomeAlone' | 'acceptCompany'>;
}

/** The algorithm's ports that are the same for all runs. */
export type ExecutionPorts = Omit<QueryPorts, 'onStart' | 'onDay' | 'onCheckpoint'>;

export interface QueryExecutionOptions {
  workerId: string;
  /** How long a query may read, over all its runs. */
  timeLimitMs: number;
  /** Called when a query begins for the first time, with the time since its submission. */
  onBegin?: (waitedMs: number) => void;
}

/** The records in Redis that a run reads and writes. */
export interface RunRecords {
  runs: QueryRuns;
  histories: QueryHistories;
}

/** The parts of one run, from its start to its end. */
interface RunParts {
  start: RunStart;
  readingHeads: Promise<QueryInput['heads']>;
  history: RunHistory;
  account: RunAccount;
  watch: RunWatch;
}

/** Runs a query that the worker has taken, and has its result published. */
export class QueryExecution {
  private readonly logger = new Logger(QueryExecution.name);
  private readonly running = new Map<string, RunningQuery>();

  constructor(
    private readonly records: RunRecords,
    private readonly publisher: OutcomePublisher,
    private readonly ports: ExecutionPorts,
    private readonly options: QueryExecutionOptions,
  ) {}

  /** The queries that are running now. */
  listRunning(): RunningQuery[] {
    return [...this.running.values()];
  }

  /**
   * Runs the query to its end and publishes it as Completed.
   *
   * @throws RunStoppedError when the query has an outcome or another run; QueryFailedError when the query cannot
   *   succeed; the signal's reason.
   */
  async complete(query: TakenQuery, signal: AbortSignal): Promise<void> {
    const { id, token, createdAt, payload } = query;
    const { runs, histories } = this.records;
    const days = listDays(payload.request.start, payload.request.end);
    // Read beside the start, so that both take one round trip; a failure is thrown where the heads are awaited.
    const readingHeads = untilTaken(() => this.ports.daySets.readHeads(days), signal);
    readingHeads.catch(() => {});
    const start = await untilTaken(() => runs.begin(id, token), signal).catch(async (error: unknown) => {
      // Redis may have begun the run although its reply was lost.
      await this.giveBack(query);
      throw error;
    });
    const { verdict, progress, now, ranMs } = start;
    if (verdict !== 'go on') throw new RunStoppedError(verdict);
    const { startedAt = now } = progress;
    // Redis writes the first start with the time that the same call returns.
    if (startedAt === now) this.options.onBegin?.(now - createdAt);
    const { workerId } = this.options;
    const history = new RunHistory(histories, { id, worker: workerId, now });
    // By its token: a run that has lost its lock may still be ending while the next one begins.
    this.running.set(token, { id, since: now });
    const known = { ...noProgress(days.length), ...progress, etaSeconds: null };
    const account = new RunAccount(known, startedAt, ranMs);
    const beat = async () => {
      const report = runs.report(id, token, account.progress, account);
      return (await Promise.all([report, history.flush()]))[0];
    };
    const watch = new RunWatch({ queryId: id, everyMs: runs.reportEveryMs, beat }, signal);
    let ending: Ending = { end: 'Failed', code: 'QUERY_FAILED' };
    let leaving: Promise<void> | undefined;
    try {
      const answer = await this.read(query, { start, readingHeads, history, account, watch });
      await this.publisher.complete(query, { startedAt, ...answer }, watch.signal);
      ending = { end: 'Completed' };
    } catch (error) {
      ending =
        error instanceof RunStoppedError ? { end: 'Stopped', code: error.code } : toEnding(error, signal.aborted);
      leaving = this.giveBack(query);
      throw error;
    } finally {
      this.running.delete(token);
      await watch.end();
      await Promise.all([history.end(ending), leaving]);
    }
  }

  private async giveBack({ id, token }: TakenQuery): Promise<void> {
    await this.records.runs.giveBack(id, token).catch((cause: unknown) => {
      this.logger.warn({ queryId: id, err: cause }, 'the run could not be given back: its worker will count as lost');
    });
  }

  /** Reads the days, as soon as the query may, and counts. */
  private async read(
    query: TakenQuery,
    { start, readingHeads, history, account, watch }: RunParts,
  ): Promise<QueryAnswer> {
    const { trust, lostWorkers, progress: earlier, ranMs } = start;
    const { request, freshAsOf } = query.payload;
    const prove = () => {
      if (account.isProven) return;
      account.isProven = true;
      query.stay.acceptCompany();
      // Reported at once, or a worker that is lost before the next heartbeat would count against the query.
      if (lostWorkers > 0) watch.beatNow();
    };
    const onDay = (record: DayRecord) => history.addDay(record);
    if (trust !== 'trusted') await this.isolate(query, trust, watch.signal);
    account.startReading();
    watch.limitTo(this.options.timeLimitMs - ranMs);
    const input = { request, createdAt: query.createdAt, freshAsOf, earlier, heads: await readingHeads };
    const onStart = (readProgress: () => QueryProgress) => account.readFrom(readProgress);
    return runQuery(input, { ...this.ports, onStart, onDay, onCheckpoint: prove }, watch.signal);
  }

  /**
   * A query that has lost its workers reads nothing before it is alone, so that it can take down no other query. If
   * its worker is lost while it waits, that does not count against it.
   *
   * @throws QueryFailedError WORKER_LOST when it is given up; RunStoppedError; the signal's reason.
   */
  private async isolate(
    { id, token, stay }: TakenQuery,
    trust: Exclude<RunTrust, 'trusted'>,
    signal: AbortSignal,
  ): Promise<void> {
    if (trust === 'given up') throw new QueryFailedError('WORKER_LOST', 'every worker that ran the query was lost');
    this.logger.warn({ queryId: id }, 'a query that has lost its workers is to be run alone');
    await stay.becomeAlone(signal);
    const { verdict } = await untilTaken(() => this.records.runs.begin(id, token, true), signal);
    if (verdict !== 'go on') throw new RunStoppedError(verdict);
  }
}

/**
 * What a run reports with each heartbeat.
 *
 * | state | entered when | counts towards the time limit |
 * |---|---|---|
 * | waiting | at first; a suspect may wait for long | no; the progress of earlier runs stays |
 * | reading | the query may read | yes |
 */
class RunAccount implements RunReport {
  isProven = false;
  private readProgress: () => QueryProgress;
  private readingSince = Infinity;

  /** @param known The progress of earlier runs, which took `ranMsBefore` milliseconds. */
  constructor(
    known: QueryProgress,
    private readonly startedAt: number,
    private readonly ranMsBefore: number,
  ) {
    this.readProgress = () => known;
  }

  startReading(): void {
    this.readingSince = performance.now();
  }

  /** @param read Returns the progress from now on. */
  readFrom(read: () => QueryProgress): void {
    this.readProgress = read;
  }

  get progress(): JobProgress {
    return { ...this.readProgress(), startedAt: this.startedAt };
  }

  get ranMs(): number {
    return this.ranMsBefore + Math.max(0, performance.now() - this.readingSince);
  }
}
