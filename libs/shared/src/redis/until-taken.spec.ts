import { ReplyError } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { untilTaken } from './until-taken';

function refuse(message: string): Promise<string> {
  const error: Error = new (ReplyError as ErrorConstructor)(message);
  return Promise.reject(error);
}

const { signal } = new AbortController();

describe('a write that Redis refuses', () => {
  it.each(['OOM command not allowed', 'MISCONF Errors writing to the AOF file', 'READONLY You can’t write'])(
    'is tried again: %s',
    async (message) => {
      let refusals = 1;
      expect(await untilTaken(() => (refusals-- > 0 ? refuse(message) : Promise.resolve('taken')), signal)).toBe(
        'taken',
      );
    },
  );

  it('is not tried again when the refusal would stay', async () => {
    let writes = 0;
    const writing = untilTaken(() => {
      writes += 1;
      return refuse('WRONGTYPE Operation');
    }, signal);
    await expect(writing).rejects.toThrow('WRONGTYPE');
    expect(writes).toBe(1);
  });

  it('is given up when whoever waits is told to go', async () => {
    const leaving = new AbortController();
    const writing = untilTaken(() => refuse('OOM full'), leaving.signal);
    leaving.abort(new Error('drain'));
    await expect(writing).rejects.toThrow('drain');
  });
});
