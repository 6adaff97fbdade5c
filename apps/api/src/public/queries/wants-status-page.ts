import accepts from 'accepts';
import type { FastifyRequest } from 'fastify';

/** What `GET /api/queries/{id}` comes as, the preferred one first where the client does not care. */
export const STATUS_FORMS = ['json', 'html', 'text/event-stream'];

/** Whether the request is a browser's for the page of a query. */
export function wantsStatusPage({ raw, method, routeOptions }: FastifyRequest): boolean {
  const isStatus = method === 'GET' && routeOptions.url === '/api/queries/:id';
  return isStatus && accepts(raw).type(STATUS_FORMS) === 'html';
}
