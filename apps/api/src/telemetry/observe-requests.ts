import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { Gauge, Histogram } from 'prom-client';
import type { Metrics } from '#shared/process/metrics';

/** Upper bounds of the histogram, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/** Measures the requests of every route that is added after this call. A request without a route is not measured. */
export function observeRequests({ registry }: Metrics, fastify: FastifyInstance): void {
  const durations = new Histogram({
    name: 'audit_query_http_request_duration_seconds',
    help: 'From the headers of the request to the end of the answer, by the pattern of the route; held: the client asked to wait',
    labelNames: ['method', 'route', 'status', 'held'],
    buckets: BUCKETS,
    registers: [registry],
  });
  fastify.addHook('onRoute', (route: RouteOptions) => {
    // The routes that only refuse a method share one time series.
    const method = Array.isArray(route.method) ? 'other' : route.method;
    route.onResponse = [
      ...[route.onResponse ?? []].flat(),
      (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
        const status = `${Math.floor(reply.statusCode / 100)}xx`;
        const labels = { method, route: route.url, status, held: String(isHeld(request, reply)) };
        durations.observe(labels, reply.elapsedTime / 1_000);
        done();
      },
    ];
  });
}

/** Whether the client asked for a late answer: an event stream, or a wait (`?wait=` or `Prefer: wait=`). */
function isHeld({ query }: FastifyRequest, reply: FastifyReply): boolean {
  const applied = reply.getHeader('Preference-Applied');
  if (applied !== undefined && applied !== 'wait=0') return true;
  if (Number((query as { wait?: string }).wait) > 0) return true;
  return String(reply.getHeader('Content-Type')).startsWith('text/event-stream');
}

/** Counts the clients that wait for a change of a query. */
export function observeWaiting({ registry }: Metrics, count: () => { listeners: number; streams: number }): void {
  new Gauge({
    name: 'audit_query_waiting_clients',
    help: 'Clients of this process that wait for news of a query: by an event stream or by a long poll',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      const { listeners, streams } = count();
      this.set({ kind: 'event_stream' }, streams);
      // A stream is open a moment before it listens.
      this.set({ kind: 'long_poll' }, Math.max(0, listeners - streams));
    },
  });
}
