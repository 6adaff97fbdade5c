/**
 * The page that a person's browser gets for a query: complete when it leaves the server, so that it is useful without
 * a script, and kept up to date by one small script where that may run.
 *
 * `toStatusView` and `followQuery` run in the browser, which gets them as text (`Function.prototype.toString`): they may
 * use their own parameters and what every browser has, nothing else of this file and nothing that is imported.
 */
import type { toQueryDocument } from '../../queries/query-document';

type QueryDocument = ReturnType<typeof toQueryDocument>;

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
<style nonce="${escapeHtml(nonce)}">${STYLE}</style>
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

/**
 * What has to be sent with the page, `Content-Security-Policy` among it.
 *
 * @param nonce Base64 of at least 128 random bits, new for every answer.
 */
export function toStatusPageHeaders(nonce: string) {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': toStatusPagePolicy(nonce),
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
    // The same address answers programs with JSON.
    vary: 'Accept',
  };
}

/** The page loads nothing, sends nothing, is framed by nobody, and asks its own origin alone for news. */
export function toStatusPagePolicy(nonce: string): string {
  return [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    `connect-src 'self'`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
  ].join('; ');
}

const REFRESH_SECONDS = 5;

/**
 * Every text of the page, for the server's first one and for all that follow in the browser.
 *
 * @param timeZone An IANA name; absent, the browser's own.
 */
function toStatusView(query: QueryDocument, timeZone?: string) {
  const { status, request, progress, result, error } = query;
  const isOver = status !== 'Pending' && status !== 'Running';
  const count = (value: number) => new Intl.NumberFormat('en-GB').format(value);
  const countOf = (value: number, one: string, many: string) => `${count(value)} ${value === 1 ? one : many}`;
  const toPercent = (value: number) => `${value % 100 === 0 ? value : value.toFixed(1)}\u00a0%`;
  const toDuration = (seconds: number) => {
    if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  };
  const toTimeLeft = (seconds: number) => {
    if (seconds < 8) return 'a few seconds left';
    // A second more or less is noise, and a text that changes at each would be too.
    return `about ${toDuration(seconds < 50 ? Math.ceil(seconds / 10) * 10 : Math.max(seconds, 60))} left`;
  };
  const toTime = (iso: string | null, otherwise: string) => {
    if (iso === null) return { iso, text: otherwise };
    const day = { day: 'numeric', month: 'short', year: 'numeric' } as const;
    const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' } as const;
    const text = new Intl.DateTimeFormat('en-GB', { ...day, ...clock, timeZone }).format(new Date(iso));
    return { iso, text };
  };
  const calendar = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
  const days = countOf(progress.daysTotal, 'day', 'days');
  const elapsedSeconds =
    (Date.parse(query.finishedAt ?? '') - Date.parse(query.startedAt ?? query.createdAt ?? '')) / 1e3;
  const entitiesRead = result?.entitiesRead ?? progress.entitiesRead;
  const daysReused = result?.daysReused ?? progress.daysReused;
  const nobodies = result?.entitiesWithoutIdentifier ?? 0;

  const percent = toPercent(progress.percent);
  const stopped = {
    lead: 'Ended with',
    headline: 'No answer',
    unit: '',
    detail: error?.message ?? '',
    timeLeft: 'stopped',
    announcement: `${status}. ${error?.message ?? ''}`,
    title: status,
  };
  const people = result?.count === 1 ? 'distinct person' : 'distinct people';
  const byStatus = {
    Pending: {
      lead: 'In the queue',
      headline: 'Waiting',
      unit: 'for a free worker',
      detail: 'The query begins by itself; there is nothing to do here.',
      timeLeft: 'not started',
      announcement: 'The query is waiting.',
      title: 'Waiting',
    },
    Running: {
      lead: 'At least',
      headline: count(progress.atLeast),
      unit: `${progress.atLeast === 1 ? 'person' : 'people'} so far`,
      detail: 'From the days done so far; the final number may be higher.',
      timeLeft: progress.etaSeconds === null ? 'time left not known yet' : toTimeLeft(progress.etaSeconds),
      announcement: 'The query is running.',
      title: percent,
    },
    Completed: {
      lead: 'Exactly',
      headline: count(result?.count ?? 0),
      unit: people,
      detail: `Found in ${countOf(entitiesRead, 'entity', 'entities')} of ${days}, in ${toDuration(elapsedSeconds)}.`,
      timeLeft: 'done',
      announcement: `Completed: exactly ${count(result?.count ?? 0)} ${people}.`,
      title: `${count(result?.count ?? 0)} ${people}`,
    },
    Failed: stopped,
    Terminated: stopped,
  };
  const { title, ...texts } = byStatus[status];
  return {
    isOver,
    title: `${title} - Audit Query`,
    percent: progress.percent,
    texts: {
      ...texts,
      status,
      percent,
      // Breaks after the dash alone, where it has to.
      range: calendar
        .formatRange(new Date(request.start), new Date(request.end))
        .replace(/\s/g, '\u00a0')
        .replace('–\u00a0', '– '),
      code: error?.code ?? '',
      days: `${count(progress.daysDone)} of ${count(progress.daysTotal)}`,
      daysNote: daysReused > 0 ? `${count(daysReused)} reused` : '',
      entities: count(entitiesRead),
      entitiesNote: nobodies > 0 ? `${count(nobodies)} unidentified` : '',
    },
    times: {
      createdAt: toTime(query.createdAt, 'not known'),
      startedAt: toTime(query.startedAt, isOver ? '–' : 'not yet'),
      finishedAt: toTime(query.finishedAt, 'not yet'),
      dataAsOf: toTime(result?.oldestScanAt ?? null, isOver ? '–' : 'not yet'),
      expiresAt: toTime(query.expiresAt, 'not yet known'),
    },
  };
}

/** What the script uses of an element; the project is compiled without the types of a browser. */
interface PageElement {
  readonly dataset: Record<string, string | undefined>;
  textContent: string;
  value: number;
  append(child: PageElement): void;
}

declare const document: {
  title: string;
  readonly documentElement: PageElement;
  querySelector(selector: string): PageElement;
  querySelectorAll(selector: string): Iterable<PageElement>;
  createElement(name: string): PageElement & { dateTime: string };
};

/**
 * The page's script. States: *listening* to the events; *polling*, entered when the stream errs or stays silent, and
 * left for listening again if the stream has ever told anything (a deploy cuts streams that work, a proxy that cannot
 * stream never lets one through); *over*, entered by a terminal status or when the query is gone, and never left.
 */
function followQuery(first: QueryDocument, toView: typeof toStatusView): void {
  const SILENCE_MS = 10_000;
  const RETRY_SECONDS = 2;
  const LONGEST_RETRY_SECONDS = 60;
  let isOver = false;
  let hasHeard = false;
  let failures = 0;

  const setText = (element: PageElement, text: string) => {
    // Also what is equal would be read out again by a screen reader.
    if (element.textContent !== text) element.textContent = text;
  };
  const tell = (note: string) => setText(document.querySelector('[data-note]'), note);
  const show = (query: QueryDocument) => {
    const view = toView(query);
    const texts: Record<string, string> = view.texts;
    const times: Record<string, { iso: string | null; text: string }> = view.times;
    document.title = view.title;
    document.documentElement.dataset['status'] = query.status;
    document.querySelector('progress').value = view.percent;
    for (const element of document.querySelectorAll('[data-text]')) {
      setText(element, texts[element.dataset['text'] ?? ''] ?? '');
    }
    for (const element of document.querySelectorAll('[data-time]')) {
      const { iso, text } = times[element.dataset['time'] ?? ''] ?? { iso: null, text: '' };
      if (element.textContent === text) continue;
      element.textContent = '';
      const time = document.createElement(iso === null ? 'span' : 'time');
      time.textContent = text;
      if (iso !== null) time.dateTime = iso;
      element.append(time);
    }
    isOver = view.isOver;
    tell(isOver ? '' : 'This page keeps itself up to date.');
  };

  const listen = () => {
    const source = new EventSource(first.links.events);
    const giveUp = () => {
      clearTimeout(silence);
      source.close();
      if (!isOver) void poll();
    };
    const silence = setTimeout(giveUp, SILENCE_MS);
    const onEvent = (event: Event) => {
      clearTimeout(silence);
      hasHeard = true;
      show(JSON.parse(String((event as MessageEvent).data)) as QueryDocument);
      if (isOver) source.close();
    };
    source.addEventListener('progress', onEvent);
    source.addEventListener('end', onEvent);
    source.addEventListener('error', giveUp);
  };

  const poll = async () => {
    let retrySeconds = RETRY_SECONDS * 2 ** Math.min(failures, 5);
    try {
      const answer = await fetch(first.links.self, { headers: { accept: 'application/json' } });
      retrySeconds = Number(answer.headers.get('retry-after')) || retrySeconds;
      if ([401, 403, 404].includes(answer.status)) {
        isOver = true;
        return tell(
          answer.status === 404 ? 'The service keeps this query no longer.' : 'Load this page again to go on.',
        );
      }
      if (!answer.ok) throw new Error(String(answer.status));
      show((await answer.json()) as QueryDocument);
      failures = 0;
    } catch {
      // No network, a proxy's page, or a service that is away: what is shown stays true, and may become old.
      failures += 1;
      tell('The connection is lost. Trying again …');
    }
    if (isOver) return;
    const goOn = hasHeard && failures === 0 ? listen : () => void poll();
    setTimeout(goOn, Math.min(retrySeconds, LONGEST_RETRY_SECONDS) * 1_000);
  };

  show(first);
  if (!isOver) listen();
}

/** For a text and for an attribute's value in quotation marks. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** JSON that neither ends the script element nor, by U+2028 or U+2029, a line of the script. */
function toScriptLiteral(value: unknown): string {
  const escape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, escape);
}

const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #fff; --text: #171a1f; --soft: #59616e; --line: #e4e7ec; --track: #e6e9ef;
  --blue: #2457d6; --green: #0b6e45; --red: #b0261d; --shadow: 0 1px 2px #1018280d, 0 12px 32px -12px #10182821;
  --tone: var(--soft);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1014; --card: #171a20; --text: #eceef2; --soft: #9ca5b3; --line: #292e37; --track: #2a2f39;
    --blue: #82a8ff; --green: #56cf95; --red: #ff8f85; --shadow: 0 0 0 1px #ffffff0a;
  }
}
[data-status=Running] { --tone: var(--blue) }
[data-status=Completed] { --tone: var(--green) }
[data-status=Failed] { --tone: var(--red) }
* { box-sizing: border-box; margin: 0 }
html { -webkit-text-size-adjust: 100% }
body {
  max-width: 42rem; min-height: 100vh; margin: 0 auto; padding: clamp(1rem, 5vh, 4rem) 1rem 2rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
header, footer { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; align-items: center }
header { padding: 0 .25rem 1rem }
.brand { display: flex; gap: .5rem; align-items: center; font-weight: 600 }
.brand svg { width: 1.125rem; height: 1.125rem; fill: var(--blue) }
.status {
  display: flex; gap: .5rem; align-items: center; padding: .125rem .75rem .125rem .625rem; border-radius: 99px;
  background: var(--card); box-shadow: inset 0 0 0 1px var(--line); color: var(--tone); font-size: .875rem; font-weight: 600;
}
.status::before { content: ""; width: .5rem; height: .5rem; border-radius: 50%; background: currentColor }
main { padding: clamp(1.25rem, 5vw, 2.5rem); border-radius: 1rem; background: var(--card); box-shadow: var(--shadow) }
.kicker, .lead, .detail, .meter, .note, dt, footer { color: var(--soft); font-size: .875rem }
h1 { font-size: clamp(1.0625rem, 4.5vw, 1.375rem); font-weight: 600; line-height: 1.3; text-wrap: balance }
.answer { padding: clamp(1.5rem, 6vw, 2.5rem) 0 clamp(1.25rem, 5vw, 2rem) }
.lead { font-size: 1rem }
code { font: .8125rem/1 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere }
.lead code { padding: .125rem .375rem; border-radius: .25rem; background: var(--page); color: var(--tone) }
.lead code:empty { display: none }
.headline { --size: clamp(2.5rem, 12vw, 4rem); font-size: 1.125rem; line-height: 1.4 }
.headline strong {
  display: block; font-size: var(--size); font-weight: 650; letter-spacing: -.03em;
  line-height: calc(1.15 * var(--size));
}
.headline span { display: block; min-height: 1.4em }
[data-status=Completed] .headline strong { color: var(--tone) }
/* A word needs less room than a number to be seen, and takes the same. */
:is([data-status=Pending], [data-status=Failed], [data-status=Terminated]) .headline strong {
  font-size: calc(.7 * var(--size));
}
.headline span:empty { display: none }
.detail { min-height: 5.1em; padding-top: .5rem; max-width: 34rem }
/* A failure's longer text has the line that its missing unit leaves. */
:is([data-status=Failed], [data-status=Terminated]) .detail { min-height: 6.9em }
@media (min-width: 40rem) {
  .headline strong, .headline span { display: inline }
  .headline strong { margin-right: .25rem }
  .detail, [data-status] .detail { min-height: 3.6em }
}
.announcement { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
progress {
  display: block; width: 100%; height: .625rem; border: 0; border-radius: 99px; overflow: hidden;
  appearance: none; background: var(--track);
}
progress::-webkit-progress-bar { background: var(--track) }
progress::-webkit-progress-value { border-radius: 99px; background: var(--tone) }
progress::-moz-progress-bar { border-radius: 99px; background: var(--tone) }
.meter { display: flex; justify-content: space-between; gap: 1rem; padding-top: .5rem }
.meter strong { color: var(--text); font-weight: 600 }
dt { font-weight: 400 }
dd { min-height: 1.5em }
.numbers { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; padding: clamp(1.25rem, 5vw, 2rem) 0 1rem }
.numbers dd { font-size: 1.25rem; font-weight: 600; letter-spacing: -.01em }
.numbers .note { font-size: .875rem; font-weight: 400; letter-spacing: 0 }
.times div { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; padding: .5rem 0; border-top: 1px solid var(--line) }
.times dd { color: var(--soft); font-size: .875rem }
.times time { color: var(--text) }
.times div:last-child { padding-bottom: 0 }
@media (max-width: 22rem) { .times div { column-gap: .5rem } .times dd, .times dt { font-size: .8125rem } }
footer { min-height: 4rem; padding: 1rem .25rem 0; align-items: start }
@media (prefers-reduced-motion: no-preference) {
  progress::-webkit-progress-value { transition: width .5s ease-out, background-color .3s }
  progress::-moz-progress-bar { transition: width .5s ease-out, background-color .3s }
  [data-status=Running] .status::before { animation: breathe 2s ease-in-out infinite }
  @keyframes breathe { 50% { opacity: .3 } }
}
@media (forced-colors: active) { progress { appearance: auto } main { border: 1px solid } }
`;
