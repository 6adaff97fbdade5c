import type { Socket } from 'node:net';
import { STATUS_CODES } from 'node:http';
import { ERROR_TABLE, type ErrorCode } from '#shared/contract/error-codes';
import { STRICT_HEADERS } from '../security-headers';
import { toProblemDocument } from '../../errors/problem-document';
import { ProblemError } from '../../errors/problem-error';
import { EXPLANATION } from './explanation';

/** Node's codes of what has a code of ours; all others are bytes that are not HTTP. */
const CODES: ReadonlyMap<string | undefined, ErrorCode> = new Map([
  ['HPE_HEADER_OVERFLOW', 'HEADERS_TOO_LARGE'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'REQUEST_TOO_SLOW'],
]);

/** Long enough to read the answer; at once, it could be lost to what the client has sent and nobody has read. */
const LINGER_MS = 1_000;

/**
 * Answers what the HTTP parser gives up on: headers beyond Node's 16 KiB, a request that is slower than its limit, or
 * bytes that are not HTTP. The connection ends, since nobody can tell where the next request begins.
 *
 * @param basePath `ApiConfig.publicBasePath`.
 */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket, basePath: string): void {
  // There is nobody to answer.
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const code = CODES.get(error.code) ?? 'REQUEST_UNREADABLE';
  const { status } = ERROR_TABLE[code];
  const body = JSON.stringify(toProblemDocument(new ProblemError(code), basePath + EXPLANATION, `${basePath}/`));
  const headers = {
    ...STRICT_HEADERS,
    'Cache-Control': 'no-store',
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
  // The client may keep its own half open for ever.
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(cut));
}
