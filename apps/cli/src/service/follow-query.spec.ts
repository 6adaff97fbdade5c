import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEvents } from './follow-query';

async function* inChunks(text: string, size = text.length): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function readAll(text: string, size?: number) {
  const events = [];
  for await (const event of parseEvents(inChunks(text, size))) events.push(event);
  return events;
}

describe('parseEvents', () => {
  it.each([
    ['an event', 'event: end\nid: a1\ndata: {"x":1}\n\n', [{ data: '{"x":1}', id: 'a1' }]],
    ['comments and retry, skipped', ': still there\n\nretry: 10\n\ndata: 1\n\n', [{ data: '1', id: undefined }]],
    ['data of several lines', 'data: a\ndata:b\ndata\n\n', [{ data: 'a\nb\n', id: undefined }]],
    ['an id that later events keep', 'id: 7\ndata: a\n\ndata: b\n\n', [{ data: 'a', id: '7' }, { data: 'b', id: '7' }]], // prettier-ignore
    ['no event that the end of the stream cuts off', 'data: a\n\nid: 8\ndata: b\n', [{ data: 'a', id: undefined }]],
    ['CR LF and CR', 'data: a\r\n\r\ndata: b\r\r: more', [{ data: 'a', id: undefined }, { data: 'b', id: undefined }]], // prettier-ignore
    ['a byte order mark', '\ufeffdata: a\n\n', [{ data: 'a', id: undefined }]],
  ])('reads %s', async (_, text, expected) => {
    expect(await readAll(text)).toEqual(expected);
  });

  it('reads the same events wherever the chunks are cut, within a character too', async () => {
    const data = fc.array(fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text)));
    await fc.assert(
      fc.asyncProperty(data, fc.integer({ min: 1, max: 9 }), fc.constantFrom('\n', '\r\n'), async (all, size, end) => {
        const text = all.map((one, i) => `id: ${i}${end}data: ${one}${end}${end}`).join('');
        expect(await readAll(text, size)).toEqual(all.map((one, i) => ({ data: one, id: String(i) })));
      }),
    );
  });
});
