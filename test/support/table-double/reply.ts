import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { ContinuationToken } from './continuation-token';
import { abandonment, waitMs } from './abandonment';
import type { TransferFault } from './fault-rules';
import type { MetadataLevel } from './page-body';
import type { RecordedRequest } from './request-log';
import { toErrorBody } from './service-error';

/** A response and what is noted about it. */
export interface Exchange {
  readonly response: ServerResponse;
  readonly record: RecordedRequest;
  /** What the client accepts; undefined when that is none of the service's JSON formats. */
  readonly metadata: MetadataLevel | undefined;
}

/** Answers with a page, whole or as the fault has it. */
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
    // Not before the half is with the kernel: else the client may see no reply at all.
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

/** Refuses the request as the service does: in JSON for who accepts the service's JSON, else in XML. */
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
  // The service's replies have no length, so a client notices a cut only by the missing last chunk.
  response.setHeader('Transfer-Encoding', 'chunked');
}
