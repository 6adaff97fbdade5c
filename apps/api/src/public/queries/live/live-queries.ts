import { setMaxListeners } from 'node:events';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { QueryChanges } from '#shared/redis/query-changes';
import { QueryStates } from '#shared/redis/query-states';
import { RecordKeys } from '#shared/redis/record-keys';
import { SUBSCRIBER } from '../../../queue/redis.token';
import { EventTimes } from './event-stream';
import { type Interest, type Listener, QueryWatch } from './query-watch';

/** How often to look for queries without a message for `EventTimes.quietMs`; the look itself reads only these. */
const LOOK_EVERY_MS = 1_000;

/** The queries that clients of this process wait for. One subscription to Redis serves all long polls and event streams. */
@Injectable()
export class LiveQueries implements OnModuleDestroy {
  private readonly watch: QueryWatch;
  private readonly changes: QueryChanges;
  private readonly shutdown = new AbortController();
  private readonly looks: NodeJS.Timeout;

  constructor(states: QueryStates, @Inject(SUBSCRIBER) subscriber: Redis, keys: RecordKeys, times: EventTimes) {
    // Every long poll listens.
    setMaxListeners(0, this.closing);
    this.watch = new QueryWatch((id) => states.decide(id));
    this.looks = setInterval(() => this.watch.readQuiet(times.quietMs), LOOK_EVERY_MS).unref();
    this.changes = new QueryChanges(subscriber, keys, {
      onChange: (id) => this.watch.onChange(id),
      onEnd: (id, read) => this.watch.onEnd(id, read),
      onReturn: () => this.watch.readAll(),
    });
  }

  /** Aborted when the process shuts down: waiting clients get the current state, and return to another process. */
  get closing(): AbortSignal {
    return this.shutdown.signal;
  }

  /** How many long polls and event streams listen, over all queries. */
  get listenerCount(): number {
    return this.watch.listenerCount;
  }

  /** See `QueryWatch.subscribe`. */
  subscribe(id: string, interest: Interest, listener: Listener): () => void {
    return this.watch.subscribe(id, interest, listener);
  }

  onModuleDestroy(): void {
    this.shutdown.abort();
    this.changes.close();
    clearInterval(this.looks);
  }
}
