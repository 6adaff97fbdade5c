import { describeError } from '#shared/contract/error-codes';
import type { ProblemError } from '../../http/problem-error';
import { escapeHtml } from '../../http/escape-html';

/** A browser cannot send a credential. */
const toCredentialAdvice = (basePath: string) => ({
  heading: 'This page needs a credential',
  advice: `<p>The service asks for a credential in a header, which a browser does not send for an address that is typed or followed.
The same query can be looked at on the <a href="${escapeHtml(basePath)}/api/docs">page of the routes</a>, where <i>Authorize</i> takes a
credential, or with a client that sends the header.</p>`,
});

const ANY_OTHER = { heading: 'This page cannot be shown', advice: '' };

/** What a person sees whose browser asks for the page of a query and cannot have it: no style, no script, no form. */
export function toErrorPage({ code, status, detail }: ProblemError, basePath: string): string {
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
