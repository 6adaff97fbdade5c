import { createDefaultHttpClient, createHttpHeaders, createPipelineRequest } from '@azure/core-rest-pipeline';
import type { TableClient } from '@azure/data-tables';
import type { ContinuationToken } from '#shared/contract/day-set';
import { QueryFailedError } from '#shared/contract/query-failed-error';
import { orAborted, type BackOff, pause, toBackOffMs } from '#shared/process/retry';
import type { PageRange, Page, PageSource } from '../queries/day-scan';
import { IDENTIFIER_COLUMN, parsePageBody } from './parse-page-body';
import type { ScanSlots } from './scan-slots';
import type { TableConnection } from './table-connection';
import { TableFault, toStatusFault, toTransportFault } from './table-fault';

/** The service's maximum; a smaller page only adds round trips. */
const PAGE_SIZE = 1_000;

export const TABLE_BACK_OFF: BackOff = {
  firstMs: 100,
  /**
   * A partition that is read faster than the service promises (2,000 entities/s) has room for the next page of 1,000
   * half a second later. A much longer delay leaves the day behind the others, alone at the end. How much is asked of
   * a busy service is decided by the slots.
   */
  longestMs: 1_000,
  /** `Retry-After: 3600` has been seen. */
  longestRetryAfterMs: 10_000,
};

/** How often a request is retried after a reply that cannot be a page. */
const BRIEF_RETRIES = 3;

/** The service rejects requests that are dated more than 15 minutes away from its time (Authorize with Shared Key, Azure Storage). */
const TOLERATED_MS = 5 * 60_000;

const HEADERS = {
  // Without metadata a page has a third of the size.
  Accept: 'application/json;odata=nometadata',
  // The first version that accepts tokens of Entra ID for tables.
  'x-ms-version': '2020-12-06',
  DataServiceVersion: '3.0',
};

/** The parameters of a request, without those that are undefined. */
type TableQuery = Record<string, string | undefined>;

export interface PageReaderOptions {
  /** The limit of one request, from its start to the last byte of its reply. */
  timeoutMs: number;
  /** How long one page is retried. */
  retryForMs: number;
  /** Whether plain http is allowed. */
  allowInsecureConnection: boolean;
  /** Called in the async context of the page, so that a span can be found. */
  observers?: readonly PageObserver[];
}

export interface PageObserver {
  /** Called when a request returned no page. */
  onFault(fault: TableFault): void;
  /** Called before the page is requested again. */
  onRetry(fault: TableFault): void;
}

/** Reads pages: the only file that talks to the table. */
export class PageReader implements PageSource {
  private readonly http = createDefaultHttpClient();
  private readonly clock = new TableClock();

  constructor(
    private readonly connection: TableConnection,
    private readonly slots: ScanSlots,
    private readonly options: PageReaderOptions,
  ) {}

  /**
   * Reads the page of `range` that follows `after`. Retries by the verdict of each fault.
   *
   * @throws QueryFailedError with the TABLE_ code of the last fault; the signal's reason.
   */
  async read(range: PageRange, after: ContinuationToken | undefined, signal: AbortSignal): Promise<Page> {
    // Counts from the first fault, without the waits for a slot, which are no fault of the table.
    let giveUpAt = Infinity;
    let wasRenewed = false;
    // Counted apart: throttled attempts must not use up the retries of a reply that cannot be a page.
    let briefRetries = 0;
    for (let attempt = 0; ; attempt += 1) {
      const read = await this.tryRead(range, after, signal);
      if ('page' in read) return read.page;
      const { fault, client, waitedMs } = read;
      giveUpAt += waitedMs;
      if (fault.code === 'TABLE_FORBIDDEN' && !wasRenewed) {
        const refusedAt = performance.now();
        wasRenewed = await this.renew(client, signal);
        if (wasRenewed) {
          // A rotated key costs the page neither an attempt nor a part of its time.
          attempt -= 1;
          giveUpAt += performance.now() - refusedAt;
          continue;
        }
      }
      giveUpAt = Math.min(giveUpAt, performance.now() + this.options.retryForMs);
      const delayMs = toBackOffMs(TABLE_BACK_OFF, attempt, fault.options.retryAfterMs, Math.random());
      const isOver =
        fault.retry === 'never' ||
        (fault.retry === 'briefly' && ++briefRetries > BRIEF_RETRIES) ||
        performance.now() + delayMs > giveUpAt;
      if (isOver) throw new QueryFailedError(fault.code, fault.message, { cause: fault });
      for (const observer of this.options.observers ?? []) observer.onRetry(fault);
      range.onRetry?.(fault.code);
      await pause(delayMs, signal);
    }
  }

  /** Requests one entity. @returns The code of the fault, or undefined when the table can be read. */
  async probe(signal: AbortSignal): Promise<string | undefined> {
    const first = await this.tryProbe(signal);
    if (first.fault?.code !== 'TABLE_FORBIDDEN') return first.fault?.code;
    // So a rotation is noticed also while no query runs.
    const isRenewed = await this.renew(first.client, signal).catch(() => {
      // A probe does not wait for an unreachable vault; the next probe finds the new key.
      return false;
    });
    return isRenewed ? (await this.tryProbe(signal)).fault?.code : first.fault.code;
  }

  private async tryProbe(signal: AbortSignal): Promise<{ client: TableClient; fault?: TableFault }> {
    const { client } = this.connection;
    try {
      await this.request(client, { $top: '1', $select: IDENTIFIER_COLUMN }, signal);
      return { client };
    } catch (error) {
      if (error instanceof TableFault) return { client, fault: error };
      throw error;
    }
  }

  private renew(refused: TableClient, signal: AbortSignal): Promise<boolean> {
    return orAborted(this.connection.renew(refused), signal);
  }

  private async tryRead(
    { from, to, claims }: PageRange,
    after: ContinuationToken | undefined,
    signal: AbortSignal,
  ): Promise<{ page: Page } | { fault: TableFault; client: TableClient; waitedMs: number }> {
    const askedAt = performance.now();
    const slot = await this.slots.take(signal, claims);
    const waitedMs = performance.now() - askedAt;
    // Read after the wait, in which the connection may have been renewed.
    const { client } = this.connection;
    try {
      const page = await this.request(
        client,
        {
          $filter: `PartitionKey ge '${from}' and PartitionKey lt '${to}' and CertNumber ne ''`,
          $select: IDENTIFIER_COLUMN,
          $top: String(PAGE_SIZE),
          NextPartitionKey: after?.partitionKey,
          NextRowKey: after?.rowKey,
        },
        signal,
      );
      slot.release('served');
      return { page };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TableFault)) throw error;
      slot.release(error.options.isPressure ? 'pressed' : 'faulted');
      for (const observer of this.options.observers ?? []) observer.onFault(error);
      return { fault: error, client, waitedMs };
    } finally {
      slot.release('abandoned');
    }
  }

  private async request(client: TableClient, query: TableQuery, signal: AbortSignal): Promise<Page> {
    signal.throwIfAborted();
    const timeLimit = new AbortController();
    const abort = () => timeLimit.abort();
    const timer = setTimeout(abort, this.options.timeoutMs);
    const date = this.clock.read();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const response = await client.pipeline.sendRequest(
        this.http,
        createPipelineRequest({
          url: `${client.url}/${client.tableName}()?${toQueryString(query)}`,
          headers: createHttpHeaders({ ...HEADERS, ...date.headers }),
          abortSignal: timeLimit.signal,
          allowInsecureConnection: this.options.allowInsecureConnection,
        }),
      );
      if (response.status === 403 && this.clock.correct(date, response.headers.get('date'))) {
        return await this.request(client, query, signal);
      }
      if (response.status !== 200) throw toStatusFault(response);
      return { ...parsePageBody(response.bodyAsText), next: readToken(response.headers) };
    } catch (error) {
      if (error instanceof TableFault) throw error;
      throw toTransportFault(error, timeLimit.signal.aborted);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }
}

/** Not URLSearchParams, whose `+` for a space breaks the service's signature check. */
function toQueryString(query: TableQuery): string {
  return Object.entries(query)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]))
    .join('&');
}

/** Either header alone is a token too. */
function readToken(headers: { get(name: string): string | undefined }): ContinuationToken | undefined {
  const partitionKey = headers.get('x-ms-continuation-nextpartitionkey');
  const rowKey = headers.get('x-ms-continuation-nextrowkey');
  if (partitionKey === undefined && rowKey === undefined) return undefined;
  return { ...(partitionKey === undefined ? {} : { partitionKey }), ...(rowKey === undefined ? {} : { rowKey }) };
}

interface RequestDate {
  /** The difference to this machine's time. */
  offsetMs: number;
  headers: Record<string, string>;
}

/** Dates and signs requests by the table's clock when this machine's clock is too far off, so that queries do not fail. */
export class TableClock {
  private offsetMs = 0;

  /** The date of a request that is sent now. */
  read(): RequestDate {
    const { offsetMs } = this;
    // Without the header the signature uses this machine's time.
    const headers = offsetMs === 0 ? {} : { 'x-ms-date': new Date(Date.now() + offsetMs).toUTCString() };
    return { offsetMs, headers };
  }

  /**
   * Compares the date of a refused request with the `Date` of its reply.
   *
   * @returns Whether the date was wrong; the next request has the right one.
   */
  correct({ offsetMs }: RequestDate, date: string | undefined): boolean {
    const rightMs = Date.parse(date ?? '') - Date.now();
    // Without a date in the reply this is NaN, which compares as false.
    if (!(Math.abs(rightMs - offsetMs) > TOLERATED_MS)) return false;
    this.offsetMs = rightMs;
    return true;
  }
}
