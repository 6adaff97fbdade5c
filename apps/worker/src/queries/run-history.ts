import { Logger } from '@nestjs/common';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import type { AttemptEnd, DayRecord, HistoryEvent } from '#shared/contract/query-history';
import type { QueryHistories } from '#shared/redis/query-histories';

/** The most events that a run keeps while none can be stored. A query stores no more than this either. */
const MOST_PENDING = 4_000;

export type Ending = { end: AttemptEnd } & Pick<Extract<HistoryEvent, { kind: 'attempt-ended' }>, 'code'>;

/** How a run that threw has ended. */
export function toEnding(error: unknown, isGivenBack: boolean): Ending {
  if (isGivenBack) return { end: 'GivenBack' };
  return { end: 'Failed', code: error instanceof QueryFailedError ? error.code : 'QUERY_FAILED' };
}

/**
 * The events of one run. They are stored with the heartbeats and at the end; the query continues if that fails. Events
 * that may have been stored, because the reply was lost, are counted as dropped and not stored again.
 */
export class RunHistory {
  private readonly logger = new Logger(RunHistory.name);
  private readonly begunAt = performance.now();
  private pending: HistoryEvent[] = [];
  private dropped = 0;
  /** Flushes run one after the other, so that the next one has the events that the last could not store. */
  private flushing = Promise.resolve();

  /** @param run `now` is the time by Redis' clock. */
  constructor(
    private readonly histories: Pick<QueryHistories, 'append'>,
    private readonly run: { id: string; worker: string; now: number },
  ) {
    this.add({ kind: 'attempt-begun', ...this.stamp() });
  }

  addDay(record: DayRecord): void {
    this.add({ kind: 'day', ...this.stamp(), ...record });
  }

  /** Adds the last event and stores all that is left. */
  async end(ending: Ending): Promise<void> {
    this.add({ kind: 'attempt-ended', ...this.stamp(), ...ending });
    await this.flush();
  }

  flush(): Promise<void> {
    this.flushing = this.flushing.then(() => this.store());
    return this.flushing;
  }

  private async store(): Promise<void> {
    const { pending, dropped } = this;
    if (pending.length === 0) return;
    this.pending = [];
    this.dropped = 0;
    try {
      if (await this.histories.append(this.run.id, pending, dropped)) return;
      const all = [...pending, ...this.pending];
      this.pending = all.slice(0, MOST_PENDING);
      this.dropped += dropped + all.length - this.pending.length;
    } catch (error) {
      this.logger.warn({ queryId: this.run.id, err: error }, 'the history of a query could not be stored');
      this.dropped += dropped + pending.length;
    }
  }

  private add(event: HistoryEvent): void {
    if (this.pending.length < MOST_PENDING) this.pending.push(event);
    else this.dropped += 1;
  }

  private stamp(): { at: number; worker: string } {
    return { at: Math.round(this.run.now + performance.now() - this.begunAt), worker: this.run.worker };
  }
}
