import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { answerUnreadable } from './answer-unreadable';

const FORM = { headers: { 'X-Of-The-Listener': 'yes' }, explanation: '/docs#', basePath: '/base' };

async function answer(code: string): Promise<string> {
  const socket = new PassThrough();
  answerUnreadable(Object.assign(new Error('as Node has it'), { code }), socket as unknown as Socket, FORM);
  return text(socket);
}

describe('what the HTTP parser gives up on', () => {
  it.each([
    ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large', 'HEADERS_TOO_LARGE'],
    ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout', 'REQUEST_TOO_SLOW'],
    ['HPE_INVALID_METHOD', '400 Bad Request', 'REQUEST_UNREADABLE'],
  ])('is answered with a problem: %s', async (code, statusLine, ours) => {
    const [head = '', body = ''] = (await answer(code)).split('\r\n\r\n');
    expect(head.split('\r\n')).toEqual(
      expect.arrayContaining([
        `HTTP/1.1 ${statusLine}`,
        'X-Of-The-Listener: yes',
        'Content-Type: application/problem+json',
        `Content-Length: ${Buffer.byteLength(body)}`,
        'Connection: close',
      ]),
    );
    expect(JSON.parse(body)).toMatchObject({
      type: `/docs#${ours}`,
      instance: '/base/',
      code: ours,
      error: { code: ours },
    });
  });

  it('is not answered where nobody is there', async () => {
    const socket = new PassThrough();
    answerUnreadable(Object.assign(new Error('gone'), { code: 'ECONNRESET' }), socket as unknown as Socket, FORM);
    expect(socket.destroyed).toBe(true);
  });
});
