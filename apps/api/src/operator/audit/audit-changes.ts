import { Logger } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuditEntry, AuditLog } from '#shared/redis/audit-log';

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Of a parameter; what is longer has been refused, or is nothing that an operator needs to read again. */
const LONGEST_VALUE = 500;

const UNAVAILABLE = 503;

/**
 * Writes down every request of the listener that changes something or tries to, the dashboard's too: one hook, so that no
 * route can be forgotten. It is written before the answer goes out, unless that says that Redis is away. When Redis cannot
 * take it, the log line is all.
 */
export function auditChanges(fastify: FastifyInstance, audit: AuditLog): void {
  const logger = new Logger('Audit');
  fastify.addHook('onSend', async (request, reply, payload) => {
    // Without a route nothing has changed, and requests without a credential could fill the log.
    if (READING.has(request.method) || request.routeOptions.url === undefined || request.operator === '')
      return payload;
    const entry = toEntry(request, reply, payload);
    logger.log(entry);
    const appending = audit
      .append(entry)
      .catch((error: unknown) => logger.error(`an entry is only here: ${String(error)}`));
    // Redis is away then, and the time in which 503 is promised is half gone.
    if (reply.statusCode !== UNAVAILABLE) await appending;
    return payload;
  });
}

/** What the request and its answer say. */
export function toEntry(request: FastifyRequest, reply: FastifyReply, payload: unknown): AuditEntry {
  const { id, jobId } = request.params as Record<string, string | undefined>;
  const route = (request.routeOptions.url ?? '').replace(/:(\w+)/g, '{$1}');
  const parameters = Object.entries(request.query as Record<string, unknown>).map(
    ([name, value]) => [name.slice(0, LONGEST_VALUE), String(value).slice(0, LONGEST_VALUE)] as const,
  );
  return {
    who: request.operator,
    action: `${request.method} ${route}`,
    target: (id ?? jobId ?? '').slice(0, LONGEST_VALUE),
    parameters: JSON.stringify(Object.fromEntries(parameters)),
    outcome: `${reply.statusCode} ${readCode(reply, payload)}`.trim(),
  };
}

/** The code of a problem, or where a request has led to. */
export function readCode(reply: FastifyReply, payload: unknown): string {
  if (String(reply.getHeader('content-type')).startsWith('application/problem+json') && Buffer.isBuffer(payload)) {
    return (JSON.parse(payload.toString()) as { code: string }).code;
  }
  return String(reply.getHeader('location') ?? '');
}
