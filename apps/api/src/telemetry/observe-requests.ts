import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { Metrics } from '#shared/telemetry/metrics';
import { RouteTally } from './route-tally';
import { Gauge } from 'prom-client';

const NAME = 'audit_query_http_request_duration_seconds';

const HEAD = [
  `# HELP ${NAME} From the request's headers to the end of the answer, by the pattern of the route; held: at the client's wish`,
  `# TYPE ${NAME} histogram`,
];

/** Measures every route that is added after this. What has no route is not measured. */
export function observeRequests(metrics: Metrics, fastify: FastifyInstance): void {
  const tallies = new Map<string, RouteTally>();
  fastify.addHook('onRoute', (route: RouteOptions) => {
    // Those that only refuse a method share one line.
    const method = Array.isArray(route.method) ? 'other' : route.method;
    const key = `${method} ${route.url}`;
    const tally = tallies.get(key) ?? new RouteTally(method, route.url);
    tallies.set(key, tally);
    // Of the route, not of the listener: which route it is then is known, and costs nothing to find out.
    route.onResponse = [
      ...[route.onResponse ?? []].flat(),
      (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
        tally.add(reply.statusCode, reply.elapsedTime / 1_000, isHeld(request, reply));
        done();
      },
    ];
  });
  metrics.beforeScrape({
    read: () => [...HEAD, ...[...tallies.values()].flatMap((tally) => tally.render(NAME, metrics.app))].join('\n'),
  });
}

/** Whether the answer was held back at the client's wish: a stream of events, or a wait (`?wait=` or `Prefer: wait=`). */
function isHeld({ query }: FastifyRequest, reply: FastifyReply): boolean {
  const applied = reply.getHeader('Preference-Applied');
  if (applied !== undefined && applied !== 'wait=0') return true;
  if (Number((query as { wait?: string }).wait) > 0) return true;
  return String(reply.getHeader('Content-Type')).startsWith('text/event-stream');
}

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
