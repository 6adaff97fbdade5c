import type { Socket } from 'node:net';
import { STATUS_CODES } from 'node:http';
import { ERROR_TABLE, type ErrorCode } from '#shared/contract/error-codes';
import { toProblemDocument } from './send-problem';
import { ProblemError } from './problem-error';

/** Node's codes of what has a code of ours; all others are bytes that are not HTTP. */
const CODES: ReadonlyMap<string | undefined, ErrorCode> = new Map([
  ['HPE_HEADER_OVERFLOW', 'HEADERS_TOO_LARGE'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'REQUEST_TOO_SLOW'],
]);

/** Long enough to read the answer: an immediate close resets the connection if bytes of the client are unread. */
const LINGER_MS = 1_000;

/** What an answer has that is sent before the path of its request is known. */
export interface AnswerForm {
  /** Sent with every answer of the listener. */
  headers: Readonly<Record<string, string>>;
  /** Where the listener explains its codes; the code follows it. */
  explanation: string;
  /** `ApiConfig.publicBasePath`; empty where the listener has none. */
  basePath: string;
}

/**
 * Answers what the HTTP parser gives up on: headers beyond Node's 16 KiB, a request that is slower than its limit, or
 * bytes that are not HTTP. The connection closes, since the start of the next request is unknown.
 */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket, form: AnswerForm): void {
  // The client has closed the connection.
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const code = CODES.get(error.code) ?? 'REQUEST_UNREADABLE';
  const { status } = ERROR_TABLE[code];
  const body = JSON.stringify(toProblemDocument(new ProblemError(code), form.explanation, `${form.basePath}/`));
  const headers = {
    ...form.headers,
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
