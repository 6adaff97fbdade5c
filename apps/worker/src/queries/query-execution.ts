import { Logger } from '@nestjs/common';
import { countDays, listDays } from '#shared/contract/calendar-day';
import type { FailureCode } from '#shared/contract/error-codes';
import { noProgress, type QueryProgress } from '#shared/contract/query-document';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import type { QueryJobPayload } from '#shared/contract/query-job';
import { QueryStatus } from '#shared/contract/query-status';
import { Outcomes, toEndedFacts } from '#shared/redis/outcomes';
import { QueryRuns, type RunVerdict } from '#shared/redis/query-runs';
import { QueryStates } from '#shared/redis/query-states';
import { untilTaken } from '#shared/redis/until-taken';
import { type QueryPorts, runQuery } from './run-query';

/** How often a run tells its progress, and looks whether it may go on: a terminated query stops within this. */
const HEARTBEAT_MS = 1_000;

export interface TakenQuery {
  id: string;
  /** BullMQ's proof that this run holds the job. */
  token: string;
  /** By Redis' clock. */
  createdAt: number;
  payload: QueryJobPayload;
}

/** The run has no business any more: its query has an outcome, or another run has taken its place. */
export class RunStoppedError extends Error {
  override readonly name = 'RunStoppedError';
  readonly code: 'QUERY_TERMINATED' | 'LOCK_LOST';

  constructor(verdict: Exclude<RunVerdict, 'go on'>) {
    super(`the run was stopped: ${verdict}`);
    this.code = verdict === 'ended' ? 'QUERY_TERMINATED' : 'LOCK_LOST';
  }
}

export type ExecutionPorts = Omit<QueryPorts, 'onStart'>;

/** Runs a taken query and writes its outcome. */
export class QueryExecution {
  private readonly logger = new Logger(QueryExecution.name);

  constructor(
    private readonly runs: QueryRuns,
    private readonly states: QueryStates,
    private readonly outcomes: Outcomes,
    private readonly ports: ExecutionPorts,
    private readonly timeLimitMs: number,
  ) {}

  /**
   * Runs the query to its end and publishes it as Completed.
   *
   * @throws RunStoppedError when nobody wants to hear of the run any more; QueryFailedError when the query
   *   cannot succeed; the signal's reason.
   */
  async complete({ id, token, createdAt, payload }: TakenQuery, signal: AbortSignal): Promise<void> {
    const { request, caller } = payload;
    // Side by side, so that it is one round trip.
    const [begun, heads] = await Promise.all([
      untilTaken(() => this.runs.begin(id, token), signal),
      this.ports.daySets.readHeads(listDays(request.start, request.end)),
    ]);
    const { verdict, progress: earlier, now } = begun;
    if (verdict !== 'go on') throw new RunStoppedError(verdict);
    const { startedAt = now } = earlier;
    const stop = new AbortController();
    const onAbort = () => stop.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    // It may have been aborted during the call before, and tells that only once.
    if (signal.aborted) onAbort();
    const limit = setTimeout(
      () => stop.abort(new QueryFailedError('QUERY_TIME_LIMIT', 'the query ran into its time limit')),
      startedAt + this.timeLimitMs - now,
    );
    let readProgress: () => QueryProgress = () => noProgress(countDays(request.start, request.end));
    const heartbeat = this.startHeartbeat(async () => {
      const verdictNow = await this.runs.report(id, token, { ...readProgress(), startedAt });
      if (verdictNow !== 'go on') stop.abort(new RunStoppedError(verdictNow));
    });
    try {
      const onStart = (read: () => QueryProgress) => (readProgress = read);
      const answer = await runQuery({ request, createdAt, earlier, heads }, { ...this.ports, onStart }, stop.signal);
      const facts = { status: QueryStatus.Completed, caller, request, createdAt, startedAt, error: null, ...answer };
      const { outcome } = await untilTaken(() => this.outcomes.publish(id, facts, token), stop.signal);
      if (outcome?.status !== QueryStatus.Completed) throw new RunStoppedError(outcome ? 'ended' : 'lost');
    } finally {
      clearTimeout(limit);
      signal.removeEventListener('abort', onAbort);
      await heartbeat.stop();
    }
  }

  /**
   * Publishes the query as Failed, unless it has an outcome or belongs to another run by now.
   *
   * @throws The signal's reason, when Redis takes no writes.
   */
  async fail({ id, token }: Pick<TakenQuery, 'id' | 'token'>, code: FailureCode, signal: AbortSignal): Promise<void> {
    const state = await this.states.read(id);
    if (state === undefined) return;
    const facts = toEndedFacts(state, QueryStatus.Failed, code);
    await untilTaken(() => this.outcomes.publish(id, facts, token), signal);
  }

  /** One beat at a time, the next one due after the last has ended: an absent Redis is not asked twice. */
  private startHeartbeat(beat: () => Promise<void>): { stop(): Promise<void> } {
    let isStopped = false;
    let wake = () => {};
    const beating = (async () => {
      while (!isStopped) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, HEARTBEAT_MS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        if (!isStopped)
          await beat().catch((error: unknown) => this.logger.warn(`a heartbeat failed: ${String(error)}`));
      }
    })();
    return {
      stop: () => {
        isStopped = true;
        wake();
        return beating;
      },
    };
  }
}
