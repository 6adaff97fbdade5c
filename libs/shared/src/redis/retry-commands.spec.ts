import { ReplyError } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { untilTaken } from './retry-commands';

function refuse(message: string): Promise<string> {
  const error: Error = new (ReplyError as ErrorConstructor)(message);
  return Promise.reject(error);
}

const { signal } = new AbortController();

describe('a write that Redis refuses', () => {
  it.each([
    'OOM command not allowed',
    'MISCONF Errors writing to the AOF file',
    'READONLY You can’t write',
    "NOPERM this user has no permissions to run the 'evalsha' command",
    "ERR The user executing the script can't run this command or subcommand script: 36fa, on @user_script:1.",
    'NOAUTH Authentication required.',
    'WRONGPASS invalid username-password pair or user is disabled.',
    'ERR Unknown Redis command called from script script: 6fa7, on @user_script:1.',
    "ERR unknown command 'evalsha', with args beginning with: ",
  ])('is tried again: %s', async (message) => {
    let refusals = 1;
    expect(await untilTaken(() => (refusals-- > 0 ? refuse(message) : Promise.resolve('taken')), signal)).toBe('taken');
  });

  it.each(['WRONGTYPE Operation', 'ERR value is not an integer'])('is not when it would stay: %s', async (message) => {
    let writes = 0;
    const writing = untilTaken(() => {
      writes += 1;
      return refuse(message);
    }, signal);
    await expect(writing).rejects.toThrow(message);
    expect(writes).toBe(1);
  });

  it('is given up when whoever waits is told to go', async () => {
    const leaving = new AbortController();
    const writing = untilTaken(() => refuse('OOM full'), leaving.signal);
    leaving.abort(new Error('drain'));
    await expect(writing).rejects.toThrow('drain');
  });
});
