/**
 * The page that a person's browser gets for a query: complete when it leaves the server, so that it is useful without
 * a script, and kept up to date by one small script where that may run.
 */
import type { toQueryDocument } from '../../../queue/query-document';
import { escapeHtml } from '../../../http/escape-html';
import { followQuery } from './follow-query';
import { STATUS_STYLE } from './status-style';
import { toStatusView } from './status-view';

type QueryDocument = ReturnType<typeof toQueryDocument>;

/** How often a page without a script is loaded again. */
const REFRESH_SECONDS = 5;

/**
 * @param query Shown as it is now; whatever its texts hold stays text.
 * @param nonce The one of `toStatusPageHeaders`.
 * @returns An HTML document. Its times are UTC until the script has put them into the reader's own time zone.
 */
export function toStatusPage(query: QueryDocument, nonce: string): string {
  const { title, texts, times, percent, isOver } = toStatusView(query, 'UTC');
  const text = (name: keyof typeof texts) => `data-text="${name}">${escapeHtml(texts[name])}`;
  const moment = (label: string, name: keyof typeof times) => {
    const { iso, text } = times[name];
    const value =
      iso === null
        ? `<span>${escapeHtml(text)}</span>`
        : `<time datetime="${escapeHtml(iso)}">${escapeHtml(text)}</time>`;
    return `<div><dt>${label}</dt><dd data-time="${name}">${value}</dd></div>`;
  };
  // Without a script the page renews itself: a reader who waits sees the end all the same.
  const refresh = isOver ? '' : `<noscript><meta http-equiv="refresh" content="${REFRESH_SECONDS}"></noscript>`;
  return `<!doctype html>
<html lang="en" data-status="${escapeHtml(query.status)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
${refresh}
<style nonce="${escapeHtml(nonce)}">${STATUS_STYLE}</style>
</head>
<body>
<header>
<p class="brand"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2 9h3v5H2zM6.5 5.5h3V14h-3zM11 2h3v12h-3z"/></svg>Audit Query</p>
<p class="status" ${text('status')}</p>
</header>
<main>
<section>
<p class="kicker">Distinct people from</p>
<h1 ${text('range')}</h1>
</section>
<section class="answer">
<p class="lead"><span ${text('lead')}</span> <code ${text('code')}</code></p>
<p class="headline"><strong ${text('headline')}</strong> <span ${text('unit')}</span></p>
<p class="detail" ${text('detail')}</p>
</section>
<p class="announcement" role="status" aria-live="polite" ${text('announcement')}</p>
<section>
<progress max="100" value="${percent}" aria-label="Progress"></progress>
<p class="meter"><strong ${text('percent')}</strong><span ${text('timeLeft')}</span></p>
</section>
<dl class="numbers">
<div><dt>Days done</dt><dd ${text('days')}</dd><dd class="note" ${text('daysNote')}</dd></div>
<div><dt>Entities read</dt><dd ${text('entities')}</dd><dd class="note" ${text('entitiesNote')}</dd></div>
</dl>
<dl class="times">
${moment('Submitted', 'createdAt')}
${moment('Started', 'startedAt')}
${moment('Finished', 'finishedAt')}
${moment('Data as of', 'dataAsOf')}
${moment('Kept until', 'expiresAt')}
</dl>
</main>
<footer>
<p>Query <code>${escapeHtml(query.id)}</code></p>
<p data-note>${isOver ? '' : 'This page keeps itself up to date.'}</p>
</footer>
<script nonce="${escapeHtml(nonce)}">(${followQuery.toString()})(${toScriptLiteral(query)}, ${toStatusView.toString()})</script>
</body>
</html>
`;
}

/** JSON that neither ends the script element nor, by U+2028 or U+2029, a line of the script. */
function toScriptLiteral(value: unknown): string {
  const escape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, escape);
}
