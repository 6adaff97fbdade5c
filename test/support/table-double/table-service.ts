import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseEntityQuery, type EntityQuery } from './entity-query';
import { toContinuationToken, type ContinuationToken } from './continuation-token';
import { EntityRate } from './entity-rate';
import { FaultScript, type FaultPlan } from './fault-rules';
import { toPageBody, type MetadataLevel } from './page-body';
import { readPage, type Page } from './read-page';
import { abandonment, sendError, sendPage, waitMs } from './reply';
import type { RecordedRequest } from './request-log';
import { ServiceError } from './service-error';
import { DEVELOPMENT_ACCOUNT, DEVELOPMENT_KEY, verifySharedKey } from './shared-key';
import type { SortedTable } from './sorted-table';
import type { TableDoubleSettings } from './table-double-options';

const DEFAULT_SETTINGS: TableDoubleSettings = {
  faults: [],
  faultSeed: 1,
  rateLimits: null,
  accountKeys: [DEVELOPMENT_KEY],
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
    private readonly nowMs: () => number,
  ) {}

  /** Sets what `change` names. Fault rules begin to count anew, and rates with full buckets, when they are named. */
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
    const record = this.record(url, response);
    const metadata = readMetadataLevel(request.headers.accept);
    try {
      if (!metadata) throw new ServiceError('AtomFormatNotSupported');
      verifySharedKey(request, this.settings.accountKeys);
      const table = this.tables.get(record.table);
      if (request.method !== 'GET' || record.table === '') throw new ServiceError('NotImplemented');
      if (!table) throw new ServiceError('TableNotFound');
      const query = parseEntityQuery(url.searchParams);
      record.day = readDay(query);
      record.select = query.select;
      record.top = query.top;
      record.continuation = query.continuation?.token ?? null;

      const plan = this.script.next(record.day, query.top);
      record.faults = plan.kinds;
      if (!(await waitMs(plan.latencyMs, abandonment(response)))) return;

      const page = readPage(table, {
        ...query,
        ...(query.continuation && { position: query.continuation.position }),
        maxRows: plan.maxRows ?? query.top,
        stopAtPartitionEnd: plan.stopAtPartitionEnd,
      });
      // Charged only for what would be answered: an error of the service costs no entities.
      if (plan.reply === null && this.rate?.admit(page.rowsPerPartition) === false) {
        const { retryAfterSeconds } = this.settings.rateLimits ?? {};
        const busy = { kind: 'status' as const, status: 503 };
        const fault = retryAfterSeconds === undefined ? busy : { ...busy, retryAfterSeconds };
        return await sendPage(response, record, { fault, metadata, token: null, entities: 0, toBody: () => '' });
      }
      const metadataUrl = `${url.origin}/${DEVELOPMENT_ACCOUNT}/$metadata#${record.table}`;
      await sendPage(response, record, {
        fault: plan.reply,
        metadata,
        token: toReplyToken(page, query, plan),
        entities: page.rows.length,
        toBody: () =>
          toPageBody(page.rows, {
            metadata,
            select: query.select,
            missingProperty: this.missingProperty,
            metadataUrl,
          }),
      });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      sendError(response, record, error, metadata);
    }
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

/** The level that is asked for; plain JSON means minimal (version 2013-08-15 on); undefined for what is not served. */
function readMetadataLevel(accept: string | undefined): MetadataLevel | undefined {
  const [, level] = /application\/json(?:;\s*odata=(\w+))?/i.exec(accept ?? '') ?? [];
  if (level === 'nometadata' || level === 'minimalmetadata') return level;
  return level === undefined && (accept?.includes('json') || accept === '*/*') ? 'minimalmetadata' : undefined;
}

function readDay(query: EntityQuery): string | null {
  return /^\d{4}-\d\d-\d\d/.exec(query.range.partitionKeys.from)?.[0] ?? null;
}

function toReplyToken(page: Page, query: EntityQuery, plan: FaultPlan): ContinuationToken | null {
  const asked = query.continuation;
  if (plan.repeatToken) {
    const first = page.rows[0];
    if (asked) return asked.token;
    return first ? toContinuationToken({ partitionKey: first.PartitionKey, rowKey: first.RowKey }) : null;
  }
  if (!page.next) return null;
  const hops = plan.maxRows === 0 ? (asked?.position.hops ?? 0) + 1 : 0;
  return toContinuationToken({ ...page.next, hops });
}
