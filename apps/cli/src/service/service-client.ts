import createClient, { type Client } from 'openapi-fetch';
import { readRetryAfterMs } from '#shared/contract/read-retry-after-ms';
import type { Settings } from '../settings/settings';
import type { operations, paths } from './openapi-client';
import { parseQuery, parseQueryPage, type Query, type QueryPage } from './query';
import { createRetryingFetch, type RetryOptions } from './retrying-fetch';

export type ListFilter = NonNullable<operations['listQueries']['parameters']['query']>;

/** The answer to a poll, with what the next poll needs. */
export interface PollAnswer {
  /** Undefined if the query has not changed since the revision of the request. */
  query: Query | undefined;
  revision: string | undefined;
  retryAfterMs: number;
}

/** For an answer without `Retry-After`. */
const DEFAULT_RETRY_AFTER_MS = 2_000;

/** The smallest value that the service sends. A proxy that sends 0 would cause polls without a pause. */
const SHORTEST_RETRY_AFTER_MS = 1_000;

/** A timer with a longer delay fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The routes of the service, typed by openapi.json. Every method throws CommandFailedError, or the signal's reason. */
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

  /** Replaces the option `signal`: see `createRetryingFetch`. */
  private withSignal(
    signal: AbortSignal,
    onUncertain?: () => void,
  ): { fetch: (request: Request) => Promise<Response> } {
    return { fetch: (request) => this.fetch(request, signal, onUncertain) };
  }

  /**
   * @param key All submissions with the same key are one query, so that a retry adds no second query.
   * @param onUncertain Called if the service may have accepted the query although it did not confirm it.
   */
  async submit(
    body: paths['/api/queries']['post']['requestBody']['content']['application/json'],
    key: string,
    onUncertain: () => void,
  ) {
    const params = { header: { 'Idempotency-Key': key } };
    const { data } = await this.client.POST('/api/queries', {
      params,
      body,
      ...this.withSignal(this.signal, onUncertain),
    });
    return parseQuery(data);
  }

  async read(id: string): Promise<Query> {
    const { query } = await this.poll(id, { waitSeconds: 0, signal: this.signal });
    return query as Query;
  }

  /** @param options.waitSeconds How long the service may wait for a change since `revision` before it answers. */
  async poll(
    id: string,
    options: { waitSeconds: number; revision?: string | undefined; signal: AbortSignal },
  ): Promise<PollAnswer> {
    const { waitSeconds, revision, signal } = options;
    const { data, response } = await this.client.GET('/api/queries/{id}', {
      params: { path: { id }, query: waitSeconds > 0 ? { wait: waitSeconds } : {} },
      ...(revision !== undefined && { headers: { 'If-None-Match': `"${revision}"` } }),
      ...this.withSignal(signal),
    });
    return {
      query: response.status === 304 ? undefined : parseQuery(data),
      revision: toRevision(response.headers.get('etag')?.replace(/^(W\/)?"(.*)"$/, '$2')),
      retryAfterMs: toPollDelayMs(readRetryAfterMs(response.headers.get('retry-after') ?? undefined)),
    };
  }

  /**
   * @param revision The latest known revision (`Last-Event-ID`).
   * @returns Undefined if the answer is not an event stream.
   */
  async openEvents(
    id: string,
    revision: string | undefined,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array> | undefined> {
    const { data, response } = await this.client.GET('/api/queries/{id}/events', {
      params: { path: { id } },
      headers: { Accept: 'text/event-stream', ...(revision !== undefined && { 'Last-Event-ID': revision }) },
      parseAs: 'stream',
      ...this.withSignal(signal),
    });
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    return isStream ? ((data as ReadableStream<Uint8Array> | null | undefined) ?? undefined) : undefined;
  }

  async list(filter: ListFilter): Promise<QueryPage> {
    const params = { query: filter };
    const { data } = await this.client.GET('/api/queries', { params, ...this.withSignal(this.signal) });
    return parseQueryPage(data);
  }

  async terminate(id: string): Promise<{ query: Query; hadEndedBefore: boolean }> {
    const { data, response } = await this.client.DELETE('/api/queries/{id}', {
      params: { path: { id } },
      ...this.withSignal(this.signal),
    });
    return { query: parseQuery(data), hadEndedBefore: response.status === 200 };
  }
}

/** @returns Undefined for a text that a header cannot carry. */
export function toRevision(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x21\x23-\x7e]{1,256}$/.test(text) ? text : undefined;
}

function toPollDelayMs(retryAfterMs: number = DEFAULT_RETRY_AFTER_MS): number {
  return Math.min(Math.max(retryAfterMs, SHORTEST_RETRY_AFTER_MS), LONGEST_TIMER_MS);
}
