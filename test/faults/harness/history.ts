import type { QueryProgress, QueryResult } from '#shared/contract/query-document';
import type { QueryStatus } from '#shared/contract/query-status';

export interface QueryRange {
  start: string;
  end: string;
}

/** A status document, as callers receive it. */
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
  /** The body, if it is a status document. */
  document?: QueryDocument;
}

/** One request of one caller and its answer. Times are milliseconds since 1970, with fractions. */
export interface Call {
  kind: 'submit' | 'read' | 'result' | 'terminate' | 'list';
  caller: string;
  /** The URL of the API that was called. */
  api?: string;
  startedAt: number;
  endedAt: number;
  /** Of a submission: its range and its idempotency key. */
  range?: QueryRange;
  key?: string;
  /** The requested query. */
  id?: string;
  /** Undefined without an answer. */
  answer?: CallAnswer;
  /** Why there is no answer. */
  failure?: string;
}

/** How a process ended. */
export interface ProcessEnd {
  name: string;
  /** Its exit code, or the signal that ended it; 0 for a SIGKILL by the stage. */
  code: number | string | null;
  /** Since the signal of the stage; 0 without one. */
  tookMs: number;
  /** The time of its end, as in calls. */
  at: number;
  /** Its grace period ran out, and it exited with 0 nevertheless. */
  isForced?: boolean;
  /** The last lines of its output, if it ended without a signal of the stage. */
  lastOutput?: string;
}

/** A time in which a worker cannot learn the state of its query, such as while it is frozen or Redis is unreachable. */
interface Blindness {
  from: number;
  to: number;
}

/** A time whose writes may be lost although Redis acknowledged them. */
export interface Loss {
  from: number;
  to: number;
}

/** A time in which an API cannot answer in time: it is killed, terminated, frozen or blocked. */
interface Silence {
  api: string;
  from: number;
  to: number;
}

/** All calls of a run, and the ends of its processes. */
export interface History {
  calls: Call[];
  ends: ProcessEnd[];
  blindnesses: Blindness[];
  losses: Loss[];
  silences: Silence[];
  /** The times at which processes were added. */
  starts: number[];
}

/** Milliseconds since 1970, with fractions; comparable between processes. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** The status documents of an answer: its own, or those of a list. */
export function listDocuments({ answer }: Call): QueryDocument[] {
  if (answer?.document !== undefined) return [answer.document];
  return answer?.status === 200 ? ((JSON.parse(answer.body) as { items?: QueryDocument[] }).items ?? []) : [];
}

/** A status document of a query, and the call that returned it. */
export interface Sighting {
  call: Call;
  document: QueryDocument;
}

/** By the id of the query, each in the order of the answers. */
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

/** The accepted queries by id, each with the first call that accepted it. */
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
