import { Logger } from '@nestjs/common';
import { listDays } from '#shared/contract/calendar-day';
import type { FailureCode } from '#shared/contract/error-codes';
import { noProgress, type QueryOutcome, type QueryProgress } from '#shared/contract/query-document';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import type { DayRecord } from '#shared/contract/query-history';
import type { QueryJobPayload } from '#shared/contract/query-job';
import { QueryStatus } from '#shared/contract/query-status';
import type { RunningQuery } from '#shared/contract/worker-beat';
import { type OutcomeFacts, Outcomes, toEndedFacts } from '#shared/redis/outcomes';
import type { QueryHistories } from '#shared/redis/query-histories';
import { QueryRuns, type RunBegin, type RunTrust } from '#shared/redis/query-runs';
import { QueryStates } from '#shared/redis/query-states';
import { untilTaken } from '#shared/redis/retry-commands';
import type { Stay } from './quarantine';
import { RunAccount } from './run-account';
import { type Ending, RunHistory, toEnding } from './run-history';
import { type QueryAnswer, type QueryPorts, type QueryRun, runQuery } from './run-query';
import { RunStoppedError } from './run-stopped-error';
import { RunWatch } from './run-watch';

export interface TakenQuery {
  id: string;
  /** BullMQ's proof that this run holds the job. */
  token: string;
  /** By Redis' clock. */
  createdAt: number;
  payload: QueryJobPayload;
  /** Its place among the runs of the process. */
  stay: Pick<Stay, 'becomeAlone' | 'acceptCompany'>;
}

/** Told what becomes of the queries that are run. */
export interface RunObserver {
  /** A query was begun for the first time, so long after its submission. */
  onBegin(waitedMs: number): void;
  /** A query has ended by the word of this process. */
  onEnd(outcome: QueryOutcome): void;
}

export type ExecutionPorts = Omit<QueryPorts, 'onStart' | 'onDay' | 'onCheckpoint'>;

/** What one process knows of itself, and where it tells what it does. */
export interface ExecutingWorker {
  id: string;
  histories: QueryHistories;
}

interface BegunRun {
  begun: RunBegin;
  readingHeads: Promise<QueryRun['heads']>;
  history: RunHistory;
  account: RunAccount;
  watch: RunWatch;
}

/** Runs a taken query and writes its outcome. */
export class QueryExecution {
  private readonly logger = new Logger(QueryExecution.name);
  private readonly running = new Map<string, RunningQuery>();

  constructor(
    private readonly worker: ExecutingWorker,
    private readonly runs: QueryRuns,
    private readonly states: QueryStates,
    private readonly outcomes: Outcomes,
    private readonly ports: ExecutionPorts,
    private readonly timeLimitMs: number,
    private readonly observer?: RunObserver,
  ) {}

  /** The queries that are being run at the moment. */
  listRunning(): RunningQuery[] {
    return [...this.running.values()];
  }

  /**
   * Runs the query to its end and publishes it as Completed.
   *
   * @throws RunStoppedError when nobody wants to hear of the run any more; QueryFailedError when the query
   *   cannot succeed; the signal's reason.
   */
  async complete(query: TakenQuery, signal: AbortSignal): Promise<void> {
    const { id, token, createdAt, payload } = query;
    const days = listDays(payload.request.start, payload.request.end);
    // Asked for side by side, so that it is one round trip; that it failed is heard below.
    const readingHeads = untilTaken(() => this.ports.daySets.readHeads(days), signal);
    readingHeads.catch(() => {});
    const begun = await untilTaken(() => this.runs.begin(id, token), signal).catch(async (error: unknown) => {
      // It may have begun all the same.
      await this.giveBack(query);
      throw error;
    });
    const { verdict, progress, now, ranMs } = begun;
    if (verdict !== 'go on') throw new RunStoppedError(verdict);
    const { startedAt = now } = progress;
    // A first start is written by the call that tells the time.
    if (startedAt === now) this.observer?.onBegin(now - createdAt);
    const history = new RunHistory(this.worker.histories, { id, worker: this.worker.id, now });
    // By its token: a run that has lost its lock may still be ending while the next one begins.
    this.running.set(token, { id, since: now });
    const known = { ...noProgress(days.length), ...progress, etaSeconds: null };
    const account = new RunAccount(known, startedAt, ranMs);
    const beat = async () => {
      const report = this.runs.report(id, token, account.progress, account);
      return (await Promise.all([report, history.flush()]))[0];
    };
    const watch = new RunWatch({ queryId: id, everyMs: this.runs.reportEveryMs, beat }, signal);
    let ending: Ending = { end: 'Failed', code: 'QUERY_FAILED' };
    let leaving: Promise<void> | undefined;
    try {
      const answer = await this.read(query, { begun, readingHeads, history, account, watch });
      await this.publish(query, { startedAt, ...answer }, watch.signal);
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
    await this.runs.giveBack(id, token).catch((cause: unknown) => {
      this.logger.warn({ queryId: id, err: cause }, 'a run that ends in order will be counted as lost');
    });
  }

  /** Reads the days, as soon as the query may, and counts. */
  private async read(
    query: TakenQuery,
    { begun, readingHeads, history, account, watch }: BegunRun,
  ): Promise<QueryAnswer> {
    const { trust, lostWorkers, progress: earlier, ranMs } = begun;
    const { request, freshAsOf } = query.payload;
    const prove = () => {
      if (account.isProven) return;
      account.isProven = true;
      query.stay.acceptCompany();
      // Told at once where it matters, lest the worker be lost in the second before the next heartbeat.
      if (lostWorkers > 0) watch.beatNow();
    };
    const onDay = (record: DayRecord) => history.addDay(record);
    if (trust !== 'trusted') await this.isolate(query, trust, watch.signal);
    account.startReading();
    watch.limitTo(this.timeLimitMs - ranMs);
    const run = { request, createdAt: query.createdAt, freshAsOf, earlier, heads: await readingHeads };
    const onStart = (readProgress: () => QueryProgress) => account.readFrom(readProgress);
    return runQuery(run, { ...this.ports, onStart, onDay, onCheckpoint: prove }, watch.signal);
  }

  /** @throws RunStoppedError when the query has another outcome, or another run; the signal's reason. */
  private async publish(
    { id, token, createdAt, payload: { request, caller } }: TakenQuery,
    answer: Pick<OutcomeFacts, 'startedAt' | 'progress' | 'result'>,
    signal: AbortSignal,
  ): Promise<void> {
    const facts = { status: QueryStatus.Completed, caller, request, createdAt, error: null, ...answer };
    const { written, outcome } = await untilTaken(() => this.outcomes.publish(id, facts, token), signal);
    if (written && outcome !== undefined) this.observer?.onEnd(outcome);
    if (outcome?.status !== QueryStatus.Completed) throw new RunStoppedError(outcome ? 'ended' : 'lost');
  }

  /**
   * A query that has lost its workers reads nothing before it is alone, so that it can take down nobody but itself. If
   * its worker is lost while it waits, that is not its doing, and not counted.
   *
   * @throws QueryFailedError WORKER_LOST when it is given up; RunStoppedError; the signal's reason.
   */
  private async isolate(
    { id, token, stay }: TakenQuery,
    trust: Exclude<RunTrust, 'trusted'>,
    signal: AbortSignal,
  ): Promise<void> {
    if (trust === 'given up') throw new QueryFailedError('WORKER_LOST', 'no worker outlived its run');
    this.logger.warn({ queryId: id }, 'a query that has lost its workers is to be run alone');
    await stay.becomeAlone(signal);
    const { verdict } = await untilTaken(() => this.runs.begin(id, token, true), signal);
    if (verdict !== 'go on') throw new RunStoppedError(verdict);
  }

  /**
   * Publishes the query as Failed, unless it has an outcome or belongs to another run by now.
   *
   * @throws The signal's reason, while Redis refuses.
   */
  async fail({ id, token }: Pick<TakenQuery, 'id' | 'token'>, code: FailureCode, signal: AbortSignal): Promise<void> {
    const state = await untilTaken(() => this.states.read(id), signal);
    if (state === undefined) return;
    const facts = toEndedFacts(state, QueryStatus.Failed, code);
    const { written, outcome } = await untilTaken(() => this.outcomes.publish(id, facts, token), signal);
    if (written && outcome !== undefined) this.observer?.onEnd(outcome);
  }

  /** Publishes a query whose job BullMQ has ended by itself, for those who wait for it: no run of it could. */
  async settle(id: string): Promise<void> {
    await this.states.read(id);
  }
}
