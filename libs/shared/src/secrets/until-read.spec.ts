import { describe, expect, it } from 'vitest';
import { SecretError, SecretErrorCode } from '#shared/secrets/secret-error';
import { toSecretDelayMs, untilRead } from '#shared/secrets/until-read';

const NEVER = new AbortController().signal;

describe('toSecretDelayMs', () => {
  it.each<[string, number, number | undefined, number, number]>([
    ['begins with half a second, or half of it', 0, undefined, 0, 250],
    ['spreads over its upper half', 0, undefined, 1, 500],
    ['doubles', 3, undefined, 1, 4_000],
    ['ends at 30 s', 40, undefined, 1, 30_000],
    ['waits as long as it is asked to', 0, 7_000, 0, 7_000],
    ['is no shorter than without being asked', 3, 1_000, 1, 4_000],
    ['waits two minutes at most', 0, 3_600_000, 0, 120_000],
  ])('%s', (_name, attempt, retryAfterMs, random, expected) => {
    expect(toSecretDelayMs(attempt, retryAfterMs, random)).toBe(expected);
  });
});

describe('untilRead', () => {
  it('asks again whatever the code is, and tells each failure', async () => {
    const answers = [SecretErrorCode.Unreachable, SecretErrorCode.Denied, 'the secret'];
    const told: string[] = [];
    const read = async () => {
      const answer = answers.shift();
      if (answer === SecretErrorCode.Unreachable || answer === SecretErrorCode.Denied) {
        throw new SecretError(answer, 'no');
      }
      return answer;
    };
    expect(await untilRead(read, ({ code }) => told.push(code), NEVER)).toBe('the secret');
    expect(told).toEqual(['SECRET_UNREACHABLE', 'SECRET_DENIED']);
  });

  it('gives up on what is no failure of a secret', async () => {
    await expect(
      untilRead(
        () => Promise.reject(new TypeError('a bug')),
        () => {},
        NEVER,
      ),
    ).rejects.toThrow('a bug');
  });

  it('stops waiting when it is told to', async () => {
    const stop = new AbortController();
    const read = () => Promise.reject(new SecretError(SecretErrorCode.NotFound, 'no', { retryAfterMs: 60_000 }));
    const reading = untilRead(read, () => stop.abort(new Error('told to')), stop.signal);
    await expect(reading).rejects.toThrow('told to');
  });
});
