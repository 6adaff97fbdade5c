import { ALL_ERRORS } from '#shared/contract/error-codes';
import type { ProblemError } from '../../errors/problem-error';

/** What a person sees whose browser asks for the page of a query and is refused: no style, no script, no form. */
export function toRefusalPage({ code, detail }: ProblemError): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Credential needed - Audit Query</title>
</head>
<body>
<main>
<h1>This page needs a credential</h1>
<p>${ALL_ERRORS[code].title} <small>(${code}: ${detail})</small></p>
<p>The service asks for a credential in a header, which a browser does not send for an address that is typed or followed.
The same query can be looked at on the <a href="/api/docs">page of the routes</a>, where <i>Authorize</i> takes a
credential, or with a client that sends the header.</p>
</main>
</body>
</html>
`;
}
