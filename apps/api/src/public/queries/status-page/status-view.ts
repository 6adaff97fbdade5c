import type { toQueryDocument } from '../../../queue/query-document';

type QueryDocument = ReturnType<typeof toQueryDocument>;

/**
 * Every text of the page, for the server's first one and for all that follow in the browser.
 *
 * It runs in the browser too, which gets it as text (`Function.prototype.toString`): it may use its own parameters and what
 * every browser has, nothing else of this file and nothing that is imported.
 *
 * @param timeZone An IANA name; absent, the browser's own.
 */
export function toStatusView(query: QueryDocument, timeZone?: string) {
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
