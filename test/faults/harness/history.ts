import type { QueryProgress, QueryResult } from '#shared/contract/query-document';
import type { QueryStatus } from '#shared/contract/query-status';

export interface QueryRange {
  start: string;
  end: string;
}

/** A status document as a caller gets it. */
export interface QueryDocument {
  id: string;
  status: QueryStatus;
  request: QueryRange & { maxAgeSeconds: number };
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  progress: QueryProgress;
  result: QueryResult | null;
  error: { code: string; message: string } | null;
}

export interface CallAnswer {
  status: number;
  retryAfter: string | null;
  body: string;
  /** Where the body is one. */
  document?: QueryDocument;
}

/** One request of one caller, and what came of it. Times are milliseconds since 1970, with fractions. */
export interface Call {
  kind: 'submit' | 'read' | 'result' | 'terminate' | 'list';
  caller: string;
  /** The URL of the API that was called. */
  api?: string;
  startedAt: number;
  endedAt: number;
  /** Of a submission: what was asked, and under which idempotency key. */
  range?: QueryRange;
  key?: string;
  /** Which query was asked for. */
  id?: string;
  /** Undefined when none came. */
  answer?: CallAnswer;
  /** Why none came. */
  failure?: string;
}

/** How a process ended. */
export interface ProcessEnd {
  name: string;
  /** Its exit code, or the signal that ended it; 0 when that is the one that it was ended with. */
  code: number | string | null;
  /** Since it was told to go; 0 for one that was not. */
  tookMs: number;
  /** When it had ended, as in calls. */
  at: number;
  /** It had not come to an end when its grace period was over, and went all the same: with 0. */
  isForced?: boolean;
  /** What it printed last, where nobody had told it to go. */
  lastWords?: string;
}

/** A time in which a worker could not know better, such as while it was frozen or its Redis away. */
interface Blindness {
  from: number;
  to: number;
}

/** What was stored in it may be lost, since Redis may not have kept what it had acknowledged. */
export interface Loss {
  from: number;
  to: number;
}

/** A time in which an API could not answer, or not in time: it was killed, told to go, frozen or blocked. */
interface Silence {
  api: string;
  from: number;
  to: number;
}

/** All that callers saw of a run, and how its processes ended. */
export interface History {
  calls: Call[];
  ends: ProcessEnd[];
  blindnesses: Blindness[];
  losses: Loss[];
  silences: Silence[];
  /** When a process was added. */
  starts: number[];
}

/** Comparable between processes. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** The status documents in an answer: the one that it is, or those of a list. */
export function listDocuments({ answer }: Call): QueryDocument[] {
  if (answer?.document !== undefined) return [answer.document];
  return answer?.status === 200 ? ((JSON.parse(answer.body) as { items?: QueryDocument[] }).items ?? []) : [];
}

/** What a caller was shown of a query. */
export interface Sighting {
  call: Call;
  document: QueryDocument;
}

/** By the id of the query, each in the order in which they were seen. */
export function listSightings({ calls }: Pick<History, 'calls'>): Map<string, Sighting[]> {
  const byId = new Map<string, Sighting[]>();
  for (const call of [...calls].sort((a, b) => a.endedAt - b.endedAt)) {
    for (const document of listDocuments(call)) {
      const seen = byId.get(document.id);
      if (seen === undefined) byId.set(document.id, [{ call, document }]);
      else seen.push({ call, document });
    }
  }
  return byId;
}

export function isOver({ status }: { status: string }): boolean {
  return status !== 'Pending' && status !== 'Running';
}

/** The queries that were accepted, by id, with the call that accepted each first. */
export function listAccepted({ calls }: History): Map<string, Call & { answer: CallAnswer }> {
  const accepted = new Map<string, Call & { answer: CallAnswer }>();
  for (const call of calls) {
    const { answer } = call;
    const id = answer?.status === 202 ? answer.document?.id : undefined;
    if (call.kind === 'submit' && answer !== undefined && id !== undefined && !accepted.has(id)) {
      accepted.set(id, { ...call, answer });
    }
  }
  return accepted;
}
