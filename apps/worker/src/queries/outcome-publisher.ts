import type { FailureCode } from '#shared/contract/error-codes';
import type { QueryOutcome } from '#shared/contract/query-document';
import type { QueryJobPayload } from '#shared/contract/query-job';
import { QueryStatus } from '#shared/contract/query-status';
import { type OutcomeFacts, type Outcomes, toEndedFacts } from '#shared/redis/outcomes';
import type { QueryStates } from '#shared/redis/query-states';
import { untilTaken } from '#shared/redis/retry-commands';
import { RunStoppedError } from './run-watch';

/** A query whose job this process holds. */
export interface HeldQuery {
  id: string;
  /** BullMQ's proof that this run holds the job. */
  token: string;
  /** By Redis' clock. */
  createdAt: number;
  payload: QueryJobPayload;
}

/** Publishes how the queries of this worker end. */
export class OutcomePublisher {
  /** @param onEnd Called with each outcome that this process wrote. */
  constructor(
    private readonly states: QueryStates,
    private readonly outcomes: Outcomes,
    private readonly onEnd: (outcome: QueryOutcome) => void = () => {},
  ) {}

  /**
   * Publishes the query as Completed.
   *
   * @throws RunStoppedError when the query has another outcome, or another run; the signal's reason.
   */
  async complete(
    { id, token, createdAt, payload: { request, caller } }: HeldQuery,
    answer: Pick<OutcomeFacts, 'startedAt' | 'progress' | 'result'>,
    signal: AbortSignal,
  ): Promise<void> {
    const facts = { status: QueryStatus.Completed, caller, request, createdAt, error: null, ...answer };
    const outcome = await this.publish(id, facts, token, signal);
    if (outcome?.status !== QueryStatus.Completed) throw new RunStoppedError(outcome ? 'ended' : 'lost');
  }

  /**
   * Publishes the query as Failed, unless it has an outcome or belongs to another run by now.
   *
   * @throws The signal's reason, while Redis refuses.
   */
  async fail({ id, token }: Pick<HeldQuery, 'id' | 'token'>, code: FailureCode, signal: AbortSignal): Promise<void> {
    const state = await untilTaken(() => this.states.decide(id), signal);
    if (state === undefined) return;
    await this.publish(id, toEndedFacts(state, QueryStatus.Failed, code), token, signal);
  }

  /** Publishes a query whose job BullMQ has failed by itself, which no run could do. Reading its state does so. */
  async settle(id: string): Promise<void> {
    await this.states.decide(id);
  }

  /** @returns The outcome that holds; undefined when the lock is lost. */
  private async publish(
    id: string,
    facts: OutcomeFacts,
    token: string,
    signal: AbortSignal,
  ): Promise<QueryOutcome | undefined> {
    const { written, outcome } = await untilTaken(() => this.outcomes.publish(id, facts, token), signal);
    if (written && outcome !== undefined) this.onEnd(outcome);
    return outcome;
  }
}
