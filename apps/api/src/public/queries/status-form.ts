import type { IncomingMessage } from 'node:http';
import accepts from 'accepts';
import type { FastifyRequest } from 'fastify';

/** What `GET /api/queries/{id}` comes as, the preferred one first where the client does not care. */
const STATUS_FORMS = ['json', 'html', 'text/event-stream'] as const;

/** Of a media range; `q` says how much it is wanted, the others, such as a charset, choose nothing here. */
const OTHER_PARAMETER = /;\s*(?!q\s*=)[^\s=;,]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,]*)/gi;

/** Which of its forms the client would have (RFC 9110, 12.5.1); false where it takes none of them. */
export function chooseStatusForm({ headers }: Pick<FastifyRequest, 'headers'>): (typeof STATUS_FORMS)[number] | false {
  const accept = headers.accept?.replace(OTHER_PARAMETER, '');
  const form = accepts({ headers: { accept } } as IncomingMessage).type([...STATUS_FORMS]);
  return form as (typeof STATUS_FORMS)[number] | false;
}

/** Whether the request is a browser's for the page of a query. */
export function wantsStatusPage(request: FastifyRequest): boolean {
  const isStatus = request.method === 'GET' && request.routeOptions.url === '/api/queries/:id';
  return isStatus && chooseStatusForm(request) === 'html';
}
