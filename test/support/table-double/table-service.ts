import { type Page, readPage } from './read-page';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  abandonment,
  type Exchange,
  type MetadataLevel,
  sendError,
  sendFault,
  sendPage,
  toPageBody,
  waitMs,
} from './reply';
import { type ContinuationToken, toContinuationToken } from './continuation-token';
import { type EntityQuery, parseEntityQuery } from './entity-query';
import { EntityRate } from './entity-rate';
import { type FaultPlan, FaultScript, isTransferFault } from './fault-rules';
import type { RecordedRequest } from './request-log';
import { ServiceError } from './service-error';
import { DEVELOPMENT_ACCOUNT, DEVELOPMENT_KEY, verifySharedKey } from './shared-key';
import type { SortedTable } from './sorted-table';
import type { TableDoubleSettings } from './table-double-options';

/** A written page, which the cache can send again. */
export interface WrittenPage {
  readonly page: Page;
  readonly body: Buffer;
}

/** Memory of a cached page without its body; the cache does not keep the rows. */
const PAGE_OVERHEAD_BYTES = 1_000;

/**
 * Keeps written pages until `maxBytes` are full, then adds no more. Repeated scans read pages in the same order: evicting
 * the oldest would leave no page that is read next.
 */
export class PageCache {
  private readonly pages = new Map<string, WrittenPage>();
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get(key: string, write: () => WrittenPage): WrittenPage {
    const kept = this.pages.get(key);
    if (kept) return kept;
    const written = write();
    this.bytes += written.body.length + PAGE_OVERHEAD_BYTES;
    if (this.bytes <= this.maxBytes) this.pages.set(key, written);
    return written;
  }
}

const DEFAULT_SETTINGS: TableDoubleSettings = {
  faults: [],
  faultSeed: 1,
  rateLimits: null,
  accountKeys: [DEVELOPMENT_KEY],
  clockOffsetMs: 0,
};

/** `/account/table` or `/account/table()`. */
const ENTITY_SET_PATH = new RegExp(`^/${DEVELOPMENT_ACCOUNT}/([A-Za-z][A-Za-z0-9]{2,62})(?:\\(\\))?$`);

/** Query Entities of the Table protocol (learn.microsoft.com, "Query Entities") over sorted tables, with faults. */
export class TableService {
  readonly requests: RecordedRequest[] = [];
  private settings = DEFAULT_SETTINGS;
  private script = new FaultScript([], 1);
  private rate: EntityRate | null = null;

  /** `nowMs` is the clock of the rate limits, monotonic. */
  constructor(
    readonly tables: ReadonlyMap<string, SortedTable>,
    private readonly missingProperty: 'null' | 'absent',
    private readonly cache: PageCache,
    private readonly nowMs: () => number,
  ) {}

  /** Changes the given settings. New fault rules start to count at 1, and new rates start with full buckets. */
  configure(change: Partial<TableDoubleSettings>): void {
    this.settings = { ...this.settings, ...change };
    if (change.faults || change.faultSeed !== undefined) {
      this.script = new FaultScript(this.settings.faults, this.settings.faultSeed);
    }
    if (change.rateLimits !== undefined) {
      this.rate = change.rateLimits && new EntityRate(change.rateLimits, this.nowMs);
    }
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    const exchange = { response, record: this.record(url, response), metadata: readMetadata(request.headers.accept) };
    const time = Date.now() + this.settings.clockOffsetMs;
    response.setHeader('Date', new Date(time).toUTCString());
    try {
      verifySharedKey(request, this.settings.accountKeys, time);
      if (request.method !== 'GET' || exchange.record.table === '') throw new ServiceError('NotImplemented');
      await this.answerQuery(exchange, url);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      sendError(exchange, error);
    }
  }

  private async answerQuery(exchange: Exchange, url: URL): Promise<void> {
    const { record, metadata, response } = exchange;
    const table = this.tables.get(record.table);
    if (!table) throw new ServiceError('TableNotFound');
    if (!metadata) throw new ServiceError('AtomFormatNotSupported');
    const query = parseEntityQuery(url.searchParams);
    record.day = readDay(query);
    record.select = query.select;
    record.top = query.top;
    record.continuation = query.continuation?.token ?? null;

    const plan = this.script.next(record.day, query.top, record.continuation !== null);
    record.faults = plan.kinds;
    if (!(await waitMs(plan.latencyMs, abandonment(response)))) return;
    if (plan.end && !isTransferFault(plan.end)) return sendFault(exchange, plan.end);

    const { maxRows, stopAtPartitionEnd } = plan;
    const key = `${url.pathname}${url.search} ${metadata} ${maxRows} ${stopAtPartitionEnd}`;
    const { page, body } = this.cache.get(key, () => {
      const position = query.continuation?.position;
      const { rows, ...page } = readPage(table, {
        ...query,
        ...(position && { position }),
        maxRows: maxRows ?? query.top,
        stopAtPartitionEnd,
      });
      const metadataUrl = `${url.origin}/${DEVELOPMENT_ACCOUNT}/$metadata#${record.table}`;
      const form = { metadata, select: query.select, missingProperty: this.missingProperty, metadataUrl };
      return { page, body: Buffer.from(toPageBody(rows, form)) };
    });
    if (this.rate?.admit(page.rowsPerPartition) === false) {
      const { retryAfterSeconds } = this.settings.rateLimits ?? {};
      const error = new ServiceError('ServerBusy');
      return sendError(exchange, { status: error.status, code: error.code, message: error.message, retryAfterSeconds });
    }
    if (!plan.end) record.entities = page.rowCount;
    await sendPage(exchange, body, toReplyToken(page, query, plan), plan.end);
  }

  private record(url: URL, response: ServerResponse): RecordedRequest {
    const record: RecordedRequest = {
      ordinal: this.requests.length + 1,
      receivedAtMs: performance.timeOrigin + performance.now(),
      endedAtMs: null,
      end: null,
      table: ENTITY_SET_PATH.exec(decodeURIComponent(url.pathname))?.[1] ?? '',
      filter: url.searchParams.get('$filter'),
      day: null,
      select: null,
      top: null,
      continuation: null,
      status: null,
      entities: 0,
      faults: [],
    };
    this.requests.push(record);
    response.once('close', () => {
      record.endedAtMs = performance.timeOrigin + performance.now();
      record.end ??= response.writableFinished ? 'answered' : 'abandoned';
    });
    return record;
  }
}

/** The requested level; plain JSON means minimal (since version 2013-08-15); undefined for an unsupported format. */
function readMetadata(accept: string | undefined): MetadataLevel | undefined {
  const [, level] = /application\/json(?:;\s*odata=(\w+))?/i.exec(accept ?? '') ?? [];
  if (level === 'nometadata' || level === 'minimalmetadata') return level;
  return level === undefined && (accept?.includes('json') || accept === '*/*') ? 'minimalmetadata' : undefined;
}

function readDay(query: EntityQuery): string | null {
  return /^\d{4}-\d\d-\d\d/.exec(query.range.partitionKeys.from)?.[0] ?? null;
}

function toReplyToken(page: Page, query: EntityQuery, plan: FaultPlan): ContinuationToken | null {
  const asked = query.continuation;
  if (plan.repeatToken && asked) return asked.token;
  if (!page.next) return null;
  const hops = plan.maxRows === 0 ? (asked?.position.hops ?? 0) + 1 : 0;
  return toContinuationToken({ ...page.next, hops });
}
