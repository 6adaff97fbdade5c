import type { toQueryDocument } from '../../../queue/query-document';
import type { toStatusView } from './status-view';

type QueryDocument = ReturnType<typeof toQueryDocument>;

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
 *
 * The browser gets it as text (`Function.prototype.toString`): it may use its own parameters and what every browser has,
 * nothing else of this file and nothing that is imported.
 */
export function followQuery(first: QueryDocument, toView: typeof toStatusView): void {
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
      if ([401, 403].includes(answer.status)) {
        isOver = true;
        return tell('Load this page again to go on.');
      }
      // Any other 404 is a gateway's, and says nothing of the query.
      if (answer.status === 404 && ((await answer.json()) as { code?: unknown }).code === 'QUERY_NOT_FOUND') {
        isOver = true;
        return tell('The service keeps this query no longer.');
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
