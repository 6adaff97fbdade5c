import type { TableRow } from './sorted-table';
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { ContinuationToken } from './continuation-token';
import type { ReplyFault, TransferFault } from './fault-rules';
import type { RecordedRequest } from './request-log';
import { toErrorBody, toErrorCode, toErrorMessage } from './service-error';
import { setTimeout as delay } from 'node:timers/promises';

/** The OData metadata level of a page, requested with `Accept`. */
export type MetadataLevel = 'nometadata' | 'minimalmetadata';

export interface PageForm {
  readonly metadata: MetadataLevel;
  /** The properties to return; null means all. */
  readonly select: readonly string[] | null;
  /** A selected property that the row lacks: Azure returns null, Azurite omits it. */
  readonly missingProperty: 'null' | 'absent';
  /** `http://host/account/$metadata#table`: a page with metadata names its table by this. */
  readonly metadataUrl: string;
}

/** The body of a page, as the service writes it. */
export function toPageBody(rows: readonly TableRow[], form: PageForm): string {
  const { select } = form;
  const projected = select === null ? rows : rows.map((row) => project(row, select, form.missingProperty));
  if (form.metadata === 'nometadata') return JSON.stringify({ value: projected });
  const value = projected.map((row, i) => ({ 'odata.etag': toEtag(rows[i]), ...row }));
  return JSON.stringify({ 'odata.metadata': form.metadataUrl, value });
}

function project(row: TableRow, select: readonly string[], missingProperty: 'null' | 'absent'): object {
  const projected: Record<string, unknown> = {};
  for (const name of select) {
    const value = row[name];
    if (value !== undefined) projected[name] = value;
    else if (missingProperty === 'null') projected[name] = null;
  }
  return projected;
}

function toEtag(row: TableRow | undefined): string {
  return `W/"datetime'${encodeURIComponent(String(row?.['Timestamp']))}'"`;
}

/** A response and its record in the request log. */
export interface Exchange {
  readonly response: ServerResponse;
  readonly record: RecordedRequest;
  /** The accepted level; undefined if the client accepts none of the service's JSON formats. */
  readonly metadata: MetadataLevel | undefined;
}

/** Sends a page, with the fault if there is one. */
export async function sendPage(
  exchange: Exchange,
  body: Buffer,
  token: ContinuationToken | null,
  fault: TransferFault | null,
): Promise<void> {
  const { response, record } = exchange;
  setHeaders(exchange);
  if (token) response.setHeader('x-ms-continuation-NextPartitionKey', token.nextPartitionKey);
  if (token?.nextRowKey !== undefined) response.setHeader('x-ms-continuation-NextRowKey', token.nextRowKey);
  record.status = 200;
  if (fault?.kind === 'cut-body') {
    record.end = 'cut';
    // Only after the kernel has the first half: otherwise the client may receive no reply at all.
    response.write(body.subarray(0, body.length / 2), () => response.destroy());
    return;
  }
  if (fault?.kind === 'drip') {
    const { bytes = 64, intervalMs = 1_000 } = fault;
    const gone = abandonment(response);
    for (let sent = 0; sent < body.length; sent += bytes) {
      response.write(body.subarray(sent, sent + bytes));
      if (!(await waitMs(intervalMs, gone))) return;
    }
    response.end();
    return;
  }
  response.end(body);
}

/** Sends an error as the service does: JSON if the client accepts the service's JSON, else XML. */
export function sendError(
  exchange: Exchange,
  error: { status: number; code: string; message: string; retryAfterSeconds?: number | undefined },
): void {
  const { response, record, metadata } = exchange;
  setHeaders(exchange);
  record.status = error.status;
  response.statusCode = error.status;
  response.setHeader('x-ms-error-code', error.code);
  if (error.retryAfterSeconds !== undefined) response.setHeader('Retry-After', error.retryAfterSeconds);
  const requestId = String(response.getHeader('x-ms-request-id'));
  response.end(toErrorBody(error.code, error.message, requestId, metadata !== undefined));
}

function setHeaders({ response, metadata }: Exchange): void {
  const format = metadata === undefined ? 'application/xml' : `application/json;odata=${metadata};streaming=true`;
  response.setHeader('Content-Type', `${format};charset=utf-8`);
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('x-ms-request-id', randomUUID());
  response.setHeader('x-ms-version', '2019-02-02');
  // The service sends no length, so that a client detects a cut only by the missing last chunk.
  response.setHeader('Transfer-Encoding', 'chunked');
}

/** A signal that aborts when the connection closes or the reply is complete. */
export function abandonment(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (response.destroyed) controller.abort();
  response.once('close', () => controller.abort());
  return controller.signal;
}

/** Resolves to true after `ms`, or to false as soon as `signal` aborts. 0 does not wait. */
export async function waitMs(ms: number, signal: AbortSignal): Promise<boolean> {
  if (ms <= 0) return !signal.aborted;
  return delay(ms, true, { signal }).catch(() => false);
}

/** Sends the fault in place of a page. */
export function sendFault(exchange: Exchange, fault: ReplyFault): void {
  switch (fault.kind) {
    case 'hang':
      return;
    case 'reset':
      exchange.record.end = 'cut';
      exchange.response.destroy();
      return;
    case 'status': {
      const likely = toErrorCode(fault.status);
      const { status, errorCode: code = likely, retryAfterSeconds } = fault;
      return sendError(exchange, { status, code, message: toErrorMessage(likely), retryAfterSeconds });
    }
    case 'html':
      return sendText(exchange, 'text/html', '<!doctype html><title>Sign in</title><h1>Please sign in</h1>');
    case 'empty-body':
      return sendText(exchange, 'application/json', '');
    case 'empty-object':
      return sendText(exchange, 'application/json', '{}');
    case 'wrong-shape':
      return sendText(exchange, 'application/json', fault.body ?? '{"value":"none"}');
  }
}

function sendText({ response, record }: Exchange, contentType: string, text: string): void {
  record.status = 200;
  response.writeHead(200, { 'Content-Type': `${contentType};charset=utf-8` }).end(text);
}
