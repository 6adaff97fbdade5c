import { createHash } from 'node:crypto';
import { ERROR_TABLE } from '#shared/contract/error-codes';
import { escapeHtml } from '../http/escape-html';

/** Where the files of Swagger UI are served from. */
export const ASSETS_PATH = '/api/docs/';

/** The files of its package that the page needs. */
export const ASSETS = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'] as const;

const STYLE = `
:root { color-scheme: light }
body { margin: 0; background: #fafafa; color: #1c2430; font: 1rem/1.5 system-ui, sans-serif }
body > header, body > section { box-sizing: border-box; max-width: 1460px; margin: 0 auto; padding: 1rem 1.25rem }
nav a { margin-right: 1rem }
table { border-collapse: collapse; width: 100%; font-size: .9375rem }
th, td { padding: .5rem .75rem .5rem 0; border-bottom: 1px solid #d9dee5; text-align: left; vertical-align: top }
summary { cursor: pointer; font-size: .875rem; padding: .25rem 0 }
tr { scroll-margin-top: 25vh }
tr:target { background: #fff3c4; outline: 2px solid #d9a400 }
code { font-size: .875rem }
@media (max-width: 50rem) {
  thead { display: none }
  tr, td { display: block }
  tr { padding: .75rem 0; border-bottom: 1px solid #d9dee5 }
  td { padding: 0 .25rem; border: 0 }
  td:nth-child(2)::before { content: 'Status ' }
  td:nth-child(4)::before { content: 'Try again: ' }
}
`;

/** Folds away what the responses have in common: their headers, and the examples of their errors. */
const toScript = (basePath: string) => `
addEventListener('DOMContentLoaded', () => {
  const fold = (title, isFolded) => (Original, { React: { createElement } }) => (props) => {
    const original = createElement(Original, props);
    return isFolded(props) ? createElement('details', null, createElement('summary', null, title), original) : original;
  };
  const isOfError = ({ specPath }) => /,[45]\\d\\d,/.test(String(specPath?.toJS?.()));
  const folds = { wrapComponents: { headers: fold('Headers', () => true), modelExample: fold('Example and schema', isOfError) } };
  SwaggerUIBundle({
    url: ${JSON.stringify(`${basePath}/api/openapi.json`)}, dom_id: '#routes', validatorUrl: null, defaultModelsExpandDepth: 0,
    plugins: [() => folds],
    // The routes move the place that the address names.
    onComplete: () => requestAnimationFrame(() => document.getElementById(location.hash.slice(1))?.scrollIntoView()),
  });
});
`;

/**
 * The page that the `type` of every problem document refers to, by its code, and the headers that go with it.
 *
 * @param basePath `ApiConfig.publicBasePath`.
 */
export function createDocsPage(basePath: string): { page: string; headers: Record<string, string> } {
  const script = toScript(basePath);
  return { page: toDocsPage(basePath, script), headers: toDocsPageHeaders(script) };
}

function toDocsPage(basePath: string, script: string): string {
  const assets = basePath + ASSETS_PATH;
  const rows = Object.entries(ERROR_TABLE).map(
    ([code, { status, title, remedy, retryable }]) =>
      `<tr id="${code}"><td><code>${code}</code><td>${status}<td>${escapeHtml(title)}<td>${retryable ? 'yes' : 'no'}<td>${escapeHtml(remedy)}`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Audit Query: routes and errors</title>
<link rel="icon" href="${assets}favicon-32x32.png">
<link rel="stylesheet" href="${assets}swagger-ui.css">
<style>${STYLE}</style>
<script src="${assets}swagger-ui-bundle.js"></script>
<script>${script}</script>
</head>
<body>
<header><nav><a href="#routes">Routes</a><a href="#errors">Error codes</a><a href="${basePath}/api/openapi.json">openapi.json</a></nav></header>
<main id="routes"><noscript>Trying the routes needs scripts; openapi.json describes them all.</noscript></main>
<section id="errors">
<h2>Error codes</h2>
<p>The <code>code</code> of an error is stable. With the codes of status 409 an accepted query ends without a result; they
are also the <code>error.code</code> of its status document.</p>
<table>
<thead><tr><th>Code<th>Status<th>What is wrong<th>Try again<th>What to do</thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
</section>
</body>
</html>
`;
}

/** Lets the page load from and request this service only; Swagger UI sets its own styles and draws with its own images. */
function toDocsPageHeaders(script: string): Record<string, string> {
  const policy = [
    `default-src 'none'`,
    `script-src 'self' '${toSource(script)}'`,
    `style-src 'self' 'unsafe-inline'`,
    `img-src 'self' data:`,
    `connect-src 'self'`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
  ];
  return {
    'Content-Security-Policy': policy.join('; '),
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  };
}

function toSource(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
