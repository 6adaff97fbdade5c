import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContinuationToken } from './continuation-token';
import type { ReplyFault } from './fault-rules';
import type { MetadataLevel } from './page-body';
import type { RecordedRequest } from './request-log';
import { toErrorBody, toErrorCode, toErrorMessage, type ServiceError } from './service-error';

interface PageReply {
  readonly fault: ReplyFault | null;
  readonly metadata: MetadataLevel;
  readonly token: ContinuationToken | null;
  readonly entities: number;
  toBody(): string;
}

/** A signal that aborts when the connection is gone or the reply is complete: nothing is to be waited for then. */
export function abandonment(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (response.destroyed) controller.abort();
  response.once('close', () => controller.abort());
  return controller.signal;
}

/** Waits and gives true, or false as soon as `signal` aborts. 0 does not wait. */
export async function waitMs(ms: number, signal: AbortSignal): Promise<boolean> {
  if (ms <= 0) return !signal.aborted;
  return delay(ms, true, { signal }).catch(() => false);
}

/** Answers with the page, or with what the fault makes of it. */
export async function sendPage(response: ServerResponse, record: RecordedRequest, reply: PageReply): Promise<void> {
  const { fault, token } = reply;
  setCommonHeaders(response, `application/json;odata=${reply.metadata}`);
  if (fault === null || fault.kind === 'drip' || fault.kind === 'cut-body') {
    if (token) response.setHeader('x-ms-continuation-NextPartitionKey', token.nextPartitionKey);
    if (token?.nextRowKey !== undefined) response.setHeader('x-ms-continuation-NextRowKey', token.nextRowKey);
  }
  record.status = fault === null ? 200 : null;
  switch (fault?.kind) {
    case undefined:
      record.entities = reply.entities;
      response.end(reply.toBody());
      return;
    case 'hang':
      return;
    case 'reset':
      record.end = 'cut';
      response.destroy();
      return;
    case 'status': {
      if (fault.retryAfterSeconds !== undefined) response.setHeader('Retry-After', fault.retryAfterSeconds);
      const likely = toErrorCode(fault.status);
      const code = fault.errorCode ?? likely;
      sendErrorBody(response, record, fault.status, code, toErrorMessage(likely), true);
      return;
    }
    case 'drip':
      record.status = 200;
      return drip(response, record, reply, fault.bytes ?? 64, fault.intervalMs ?? 1_000);
    case 'cut-body': {
      const body = Buffer.from(reply.toBody());
      record.status = 200;
      record.end = 'cut';
      // Not before the half is with the kernel: else the client may see no reply at all.
      response.write(body.subarray(0, body.length / 2), () => response.destroy());
      return;
    }
    case 'html':
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      return sendInstead(response, record, '<!doctype html><title>Sign in</title><h1>Please sign in</h1>');
    case 'empty-body':
      return sendInstead(response, record, '');
    case 'empty-object':
      return sendInstead(response, record, '{}');
    case 'wrong-shape':
      return sendInstead(response, record, fault.body ?? '{"value":"none"}');
  }
}

/** Refuses the request as the service does: in JSON for who accepts the service's JSON, else in XML. */
export function sendError(
  response: ServerResponse,
  record: RecordedRequest,
  error: ServiceError,
  metadata: MetadataLevel | undefined,
): void {
  const isJson = metadata !== undefined;
  setCommonHeaders(response, isJson ? `application/json;odata=${metadata}` : 'application/xml');
  sendErrorBody(response, record, error.status, error.code, error.message, isJson);
}

function sendErrorBody(
  response: ServerResponse,
  record: RecordedRequest,
  status: number,
  code: string,
  message: string,
  isJson: boolean,
): void {
  record.status = status;
  response.statusCode = status;
  response.setHeader('x-ms-error-code', code);
  response.end(toErrorBody(code, message, String(response.getHeader('x-ms-request-id')), isJson));
}

function sendInstead(response: ServerResponse, record: RecordedRequest, body: string): void {
  record.status = 200;
  response.end(body);
}

function setCommonHeaders(response: ServerResponse, contentType: string): void {
  response.setHeader('Content-Type', `${contentType};streaming=true;charset=utf-8`);
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('x-ms-request-id', randomUUID());
  response.setHeader('x-ms-version', '2019-02-02');
  // The service's replies have no length, so a client notices a cut only by the missing last chunk.
  response.setHeader('Transfer-Encoding', 'chunked');
}

async function drip(
  response: ServerResponse,
  record: RecordedRequest,
  reply: PageReply,
  bytes: number,
  intervalMs: number,
): Promise<void> {
  const body = Buffer.from(reply.toBody());
  const signal = abandonment(response);
  for (let sent = 0; sent < body.length; sent += bytes) {
    response.write(body.subarray(sent, sent + bytes));
    if (!(await waitMs(intervalMs, signal))) return;
  }
  record.entities = reply.entities;
  response.end();
}
