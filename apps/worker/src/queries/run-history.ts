import { Logger } from '@nestjs/common';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import type { AttemptEnd, DayRecord, HistoryEvent } from '#shared/contract/query-history';
import type { QueryHistories } from '#shared/redis/query-histories';

/** Of a run that cannot store any: what is more than a query may have is not worth its memory. */
const MOST_PENDING = 4_000;

export type Ending = { end: AttemptEnd } & Pick<Extract<HistoryEvent, { kind: 'attempt-ended' }>, 'code'>;

/** How a run ended that threw. */
export function toEnding(error: unknown, isGivenBack: boolean): Ending {
  if (isGivenBack) return { end: 'GivenBack' };
  return { end: 'Failed', code: error instanceof QueryFailedError ? error.code : 'QUERY_FAILED' };
}

/**
 * What one run tells of itself, kept until it is stored: with the heartbeats, and at the end. That it cannot be stored
 * costs the query nothing.
 */
export class RunHistory {
  private readonly logger = new Logger(RunHistory.name);
  private readonly begunAt = performance.now();
  private pending: HistoryEvent[] = [];
  private dropped = 0;

  /** @param now Redis' clock at this moment. */
  constructor(
    private readonly histories: Pick<QueryHistories, 'append'>,
    private readonly run: { id: string; worker: string; now: number },
  ) {
    this.add({ kind: 'attempt-begun', ...this.stamp() });
  }

  addDay(record: DayRecord): void {
    this.add({ kind: 'day', ...this.stamp(), ...record });
  }

  /** The last that is told. */
  async end(ending: Ending): Promise<void> {
    this.add({ kind: 'attempt-ended', ...this.stamp(), ...ending });
    await this.flush();
  }

  async flush(): Promise<void> {
    const { pending, dropped } = this;
    if (pending.length === 0) return;
    this.pending = [];
    this.dropped = 0;
    const isStored = await this.histories.append(this.run.id, pending, dropped).catch((error: unknown) => {
      this.logger.warn({ queryId: this.run.id, err: error }, 'the history of a query could not be stored');
      return false;
    });
    if (!isStored) this.dropped += dropped + pending.length;
  }

  private add(event: HistoryEvent): void {
    if (this.pending.length < MOST_PENDING) this.pending.push(event);
    else this.dropped += 1;
  }

  private stamp(): { at: number; worker: string } {
    return { at: Math.round(this.run.now + performance.now() - this.begunAt), worker: this.run.worker };
  }
}
