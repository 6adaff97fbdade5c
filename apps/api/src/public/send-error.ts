import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemError } from '../http/problem-error';
import { sendProblem } from '../http/send-problem';
import { wantsStatusPage } from './queries/status-form';
import { varyBy } from '../http/headers';
import { describeError } from '#shared/contract/error-codes';
import { escapeHtml } from '../http/escape-html';

/** The documentation page explains each code; the code follows. */
export const EXPLANATION = '/api/docs#';

/** The routes of the Durable Functions service, whose clients know errors as one text. */
const ORIGINAL_ROUTE = /^\/api\/(submit\/query|status)(\/|\?|$)/;

/**
 * Problem details (RFC 9457), but on the two routes of the original, and for a person who asks for the page of a query.
 *
 * @param basePath `ApiConfig.publicBasePath`.
 */
export function sendError(problem: ProblemError, request: FastifyRequest, reply: FastifyReply, basePath: string): void {
  if (ORIGINAL_ROUTE.test(request.url)) return sendOriginalError(problem, reply);
  if (wantsStatusPage(request)) {
    varyBy(reply, 'Accept');
    void reply.status(problem.status).headers({ ...problem.headers, 'Cache-Control': 'no-store' });
    return void reply.type('text/html; charset=utf-8').send(toErrorPage(problem, basePath));
  }
  sendProblem(problem, basePath + EXPLANATION, request, reply, basePath);
}

function sendOriginalError({ detail, status, headers }: ProblemError, reply: FastifyReply): void {
  void reply.status(status).headers({ ...headers, 'Cache-Control': 'no-store' });
  if (status === 404) void reply.type('text/plain').send('Job not found');
  else void reply.send({ error: detail });
}

/** A browser cannot send a credential. */
const toCredentialAdvice = (basePath: string) => ({
  heading: 'This page needs a credential',
  advice: `<p>The service asks for a credential in a header, which a browser does not send for an address that is typed or followed.
The same query can be looked at on the <a href="${escapeHtml(basePath)}/api/docs">page of the routes</a>, where <i>Authorize</i> takes a
credential, or with a client that sends the header.</p>`,
});

const ANY_OTHER = { heading: 'This page cannot be shown', advice: '' };

/** What a person sees whose browser asks for the page of a query and cannot have it: no style, no script, no form. */
function toErrorPage({ code, status, detail }: ProblemError, basePath: string): string {
  const { heading, advice } = status === 401 || status === 403 ? toCredentialAdvice(basePath) : ANY_OTHER;
  const reason = describeError(code) === detail ? code : `${code}: ${detail}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${heading} - Audit Query</title>
</head>
<body>
<main>
<h1>${heading}</h1>
<p>${describeError(code)} <small>(${escapeHtml(reason)})</small></p>
${advice}
</main>
</body>
</html>
`;
}
