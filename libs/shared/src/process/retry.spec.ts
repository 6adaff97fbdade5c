import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { orAborted } from './retry';

const never = new Promise<never>(() => {});

describe('a promise that is waited for until a signal', () => {
  it('gives what it gives, and leaves nothing at the signal', async () => {
    const { signal } = new AbortController();
    expect(await orAborted(Promise.resolve('value'), signal)).toBe('value');
    await expect(orAborted(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('is left with the signal’s reason', async () => {
    const controller = new AbortController();
    const waiting = orAborted(never, controller.signal);
    controller.abort(new Error('drain'));
    await expect(waiting).rejects.toThrow('drain');
  });

  it('is not waited for where the signal was aborted before, and its failure is nobody’s', async () => {
    const signal = AbortSignal.abort(new Error('drain'));
    await expect(orAborted(never, signal)).rejects.toThrow('drain');
    const failing = new Promise<never>((_resolve, reject) => setImmediate(() => reject(new Error('late'))));
    await expect(orAborted(failing, signal)).rejects.toThrow('drain');
    await new Promise(setImmediate);
  });
});
