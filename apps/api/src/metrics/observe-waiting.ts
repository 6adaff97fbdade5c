import { Gauge } from 'prom-client';
import type { Metrics } from '#shared/process/metrics';

interface Waiters {
  readonly waiting: number;
  readonly openStreams: number;
}

export function observeWaiting({ registry }: Metrics, waiters: Waiters): void {
  new Gauge({
    name: 'audit_query_waiting_clients',
    help: 'Clients of this process that wait for news of a query: by an event stream or by a long poll',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      const { waiting, openStreams } = waiters;
      this.set({ kind: 'event_stream' }, openStreams);
      // A stream is open a moment before it waits.
      this.set({ kind: 'long_poll' }, Math.max(0, waiting - openStreams));
    },
  });
}
