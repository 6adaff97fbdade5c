import { describe, expect, it } from 'vitest';
import { forEachBounded } from './for-each-bounded';

const NEVER = new AbortController().signal;

describe('forEachBounded', () => {
  it('does everything, in order, never more at once than it may', async () => {
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    await forEachBounded([1, 2, 3, 4, 5, 6, 7], 3, NEVER, async (item) => {
      begun.push(item);
      most = Math.max(most, (running += 1));
      await Promise.resolve();
      running -= 1;
    });
    expect(begun).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(most).toBe(3);
  });

  it('tells the others when one fails, begins no more, and waits for those that were begun', async () => {
    const ended: string[] = [];
    const begun: number[] = [];
    const run = forEachBounded([1, 2, 3], 2, NEVER, async (item, signal) => {
      begun.push(item);
      if (item === 1) throw new Error('first');
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('second'))));
    }).finally(() => ended.push('all'));
    await expect(run).rejects.toThrow('first');
    expect(begun).toEqual([1, 2]);
    expect(ended).toEqual(['all']);
  });

  it('stops with the reason of the abort', async () => {
    const controller = new AbortController();
    const run = forEachBounded([1, 2], 1, controller.signal, async () => controller.abort(new Error('enough')));
    await expect(run).rejects.toThrow('enough');
    await expect(forEachBounded([1], 1, controller.signal, async () => {})).rejects.toThrow('enough');
  });

  it('has nothing to do for no items', async () => {
    await expect(forEachBounded([], 3, NEVER, async () => {})).resolves.toBeUndefined();
  });
});
