import { setTimeout as delay } from 'node:timers/promises';
import type { Call, CallAnswer, History, QueryDocument, QueryRange } from './history';
import { now } from './history';

/** Far above every limit of an answer: a call that hangs fails and does not block the test. */
const CALL_LIMIT_MS = 20_000;

/** A caller that records all its calls in the history. */
export class RecordingClient {
  constructor(
    readonly caller: string,
    readonly key: string,
    private readonly history: History,
    /** The API to call next; a load balancer in front of several. */
    private readonly nextUrl: () => string,
  ) {}

  submit(range: QueryRange, key?: string): Promise<Call> {
    const body = JSON.stringify(range);
    const headers = { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) };
    const call = { kind: 'submit' as const, range, ...(key === undefined ? {} : { key }) };
    return this.call(call, '', { method: 'POST', headers, body });
  }

  /** Retries on 503 and on a failed connection until the query is accepted. @returns Its id. */
  async submitUntilAccepted(range: QueryRange, key?: string): Promise<string> {
    for (;;) {
      const { answer } = await this.submit(range, key);
      if (answer?.status === 202 && answer.document !== undefined) return answer.document.id;
      if (answer !== undefined && answer.status !== 503) throw new Error(`refused: ${answer.status} ${answer.body}`);
      await delay(100);
    }
  }

  read(id: string): Promise<Call> {
    return this.call({ kind: 'read', id }, `/${id}`);
  }

  result(id: string): Promise<Call> {
    return this.call({ kind: 'result', id }, `/${id}/result`);
  }

  terminate(id: string): Promise<Call> {
    return this.call({ kind: 'terminate', id }, `/${id}`, { method: 'DELETE' });
  }

  list(): Promise<Call> {
    return this.call({ kind: 'list' }, '?pageSize=100');
  }

  private async call(
    what: Omit<Call, 'caller' | 'startedAt' | 'endedAt'>,
    path: string,
    init: RequestInit = {},
  ): Promise<Call> {
    const api = this.nextUrl();
    const call: Call = { ...what, caller: this.caller, api, startedAt: now(), endedAt: Infinity };
    this.history.calls.push(call);
    try {
      const reply = await fetch(`${api}/api/queries${path}`, {
        ...init,
        headers: { ...init.headers, 'x-api-key': this.key },
        signal: AbortSignal.timeout(CALL_LIMIT_MS),
      });
      call.answer = toAnswer(reply, await reply.text());
    } catch (error) {
      call.failure = describe(error);
    }
    call.endedAt = now();
    return call;
  }
}

function toAnswer({ status, headers }: Response, body: string): CallAnswer {
  const answer = { status, retryAfter: headers.get('retry-after'), body };
  const isJson = headers.get('content-type')?.includes('json') ?? false;
  const value = isJson ? (JSON.parse(body) as Partial<QueryDocument>) : {};
  // The status of a problem document is a number.
  return typeof value.status === 'string' ? { ...answer, document: value as QueryDocument } : answer;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
