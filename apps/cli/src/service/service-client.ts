import createClient, { type Client } from 'openapi-fetch';
import { readRetryAfterMs } from '#shared/http/read-retry-after-ms';
import type { Settings } from '../settings/settings';
import type { operations, paths } from './openapi-client';
import { createRetryingFetch, type RetryOptions } from './retrying-fetch';
import { parseQuery, parseQueryPage, type Query, type QueryPage } from './query';

export type ListFilter = NonNullable<operations['listQueries']['parameters']['query']>;

/** How a query is, and what a client has to know to ask again. */
export interface PollAnswer {
  /** Undefined when it has not changed since `revision`. */
  query: Query | undefined;
  revision: string | undefined;
  retryAfterMs: number;
}

/** RFC 9110 leaves it to the client where a service gives none. */
const DEFAULT_RETRY_AFTER_MS = 2_000;

/** The least that the service itself gives; with a 0 from in between, polls would follow each other without a pause. */
const SHORTEST_RETRY_AFTER_MS = 1_000;

/** Timers fire at once for more, which would make a long wait none. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The routes, typed by openapi.json. Everything throws CommandFailedError, or the reason of an aborted signal. */
export class ServiceClient {
  private readonly client: Client<paths>;
  private readonly fetch: ReturnType<typeof createRetryingFetch>;

  constructor(
    { url, credential }: Settings,
    retryOptions: RetryOptions,
    private readonly signal: AbortSignal,
  ) {
    const headers = {
      Accept: 'application/json',
      ...(credential?.kind === 'api-key' && { 'x-api-key': credential.value }),
      ...(credential?.kind === 'token' && { Authorization: `Bearer ${credential.value}` }),
    };
    this.fetch = createRetryingFetch(retryOptions);
    this.client = createClient<paths>({ baseUrl: url, headers });
  }

  /** In place of the option `signal`: see `createRetryingFetch`. */
  private until(signal: AbortSignal, onUncertain?: () => void): { fetch: (request: Request) => Promise<Response> } {
    return { fetch: (request) => this.fetch(request, signal, onUncertain) };
  }

  /**
   * @param key Makes all submissions under it one query, so that it can be sent again after a cut.
   * @param onUncertain Called when the query may have been accepted without an answer that says so.
   */
  async submit(
    body: paths['/api/queries']['post']['requestBody']['content']['application/json'],
    key: string,
    onUncertain: () => void,
  ) {
    const params = { header: { 'Idempotency-Key': key } };
    const { data } = await this.client.POST('/api/queries', { params, body, ...this.until(this.signal, onUncertain) });
    return parseQuery(data);
  }

  async read(id: string): Promise<Query> {
    const { query } = await this.poll(id, { waitSeconds: 0, signal: this.signal });
    return query as Query;
  }

  /** @param options.waitSeconds How long the answer may be held back until there is news since `revision`. */
  async poll(
    id: string,
    options: { waitSeconds: number; revision?: string | undefined; signal: AbortSignal },
  ): Promise<PollAnswer> {
    const { waitSeconds, revision, signal } = options;
    const { data, response } = await this.client.GET('/api/queries/{id}', {
      params: { path: { id }, query: waitSeconds > 0 ? { wait: waitSeconds } : {} },
      ...(revision !== undefined && { headers: { 'If-None-Match': `"${revision}"` } }),
      ...this.until(signal),
    });
    return {
      query: response.status === 304 ? undefined : parseQuery(data),
      revision: toRevision(response.headers.get('etag')?.replace(/^(W\/)?"(.*)"$/, '$2')),
      retryAfterMs: toPollDelayMs(readRetryAfterMs(response.headers.get('retry-after') ?? undefined)),
    };
  }

  /** @param revision The last that was seen (`Last-Event-ID`). @returns Undefined where there is nothing to stream. */
  async openEvents(
    id: string,
    revision: string | undefined,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array> | undefined> {
    const { data, response } = await this.client.GET('/api/queries/{id}/events', {
      params: { path: { id } },
      headers: { Accept: 'text/event-stream', ...(revision !== undefined && { 'Last-Event-ID': revision }) },
      parseAs: 'stream',
      ...this.until(signal),
    });
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    return isStream ? ((data as ReadableStream<Uint8Array> | null | undefined) ?? undefined) : undefined;
  }

  async list(filter: ListFilter): Promise<QueryPage> {
    const params = { query: filter };
    const { data } = await this.client.GET('/api/queries', { params, ...this.until(this.signal) });
    return parseQueryPage(data);
  }

  /** @returns Whether it had ended before. */
  async terminate(id: string): Promise<{ query: Query; hadEndedBefore: boolean }> {
    const { data, response } = await this.client.DELETE('/api/queries/{id}', {
      params: { path: { id } },
      ...this.until(this.signal),
    });
    return { query: parseQuery(data), hadEndedBefore: response.status === 200 };
  }
}

/** Only one that a header takes: any other is none. */
export function toRevision(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x21\x23-\x7e]{1,256}$/.test(text) ? text : undefined;
}

function toPollDelayMs(retryAfterMs: number = DEFAULT_RETRY_AFTER_MS): number {
  return Math.min(Math.max(retryAfterMs, SHORTEST_RETRY_AFTER_MS), LONGEST_TIMER_MS);
}
