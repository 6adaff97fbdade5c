import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { TRACER } from '#shared/process/tracing';

const SUBMISSIONS = new Set(['POST /api/queries', 'GET /api/submit/query', 'POST /api/submit/query']);

/**
 * Begins the trace of a query at its submission, or continues the caller's (`traceparent`, W3C Trace Context).
 * Only submissions: polls are many, and their traces would hide the useful ones.
 */
export function traceSubmissions(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', (route: RouteOptions) => {
    if (Array.isArray(route.method) || !SUBMISSIONS.has(`${route.method} ${route.url}`)) return;
    const { method, url } = route;
    // Not earlier: the body is read by events of the connection, which know nothing of what is active here.
    route.preHandler = [
      ...[route.preHandler ?? []].flat(),
      (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
        // Baggage would be kept with the job, and may be about people.
        const parent = propagation.deleteBaggage(propagation.extract(ROOT_CONTEXT, request.headers));
        const attributes = { 'http.request.method': method, 'http.route': url };
        const span = trace
          .getTracer(TRACER)
          .startSpan(`${method} ${url}`, { kind: SpanKind.SERVER, attributes }, parent);
        reply.raw.once('close', () => {
          span.setAttribute('http.response.status_code', reply.statusCode);
          if (reply.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        });
        context.with(trace.setSpan(parent, span), done);
      },
    ];
  });
}
