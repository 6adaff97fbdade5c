import { describe, expect, it } from 'vitest';
import { Quarantine, type Stay } from './quarantine';

const NEVER = new AbortController().signal;

function createWorld() {
  const changes: boolean[] = [];
  const alone: string[] = [];
  const quarantine = new Quarantine((isOpen) => changes.push(isOpen));
  const enter = (): Stay => {
    const stay = quarantine.enter();
    if (stay === undefined) throw new Error('it is closed');
    return stay;
  };
  /** Settles with the wait; records the name when the run is alone. */
  const isolate = (name: string, stay: Stay, signal = NEVER) => stay.becomeAlone(signal).then(() => alone.push(name));
  /** The recorded names, after all pending callbacks. */
  const readAlone = () => new Promise<string[]>((resolve) => setImmediate(() => resolve(alone)));
  return { changes, quarantine, enter, isolate, readAlone };
}

describe('Quarantine', () => {
  it('runs a suspect when all others have left, and is closed until the suspect has left', async () => {
    const { changes, quarantine, enter, isolate, readAlone } = createWorld();
    const [one, suspect, other] = [enter(), enter(), enter()];
    void isolate('suspect', suspect);
    expect(changes).toEqual([false]);
    expect(quarantine.enter()).toBeUndefined();
    one.leave();
    expect(await readAlone()).toEqual([]);
    other.leave();
    expect(await readAlone()).toEqual(['suspect']);
    expect(quarantine.enter()).toBeUndefined();
    suspect.leave();
    expect(changes).toEqual([false, true]);
    expect(quarantine.enter()).toBeDefined();
  });

  it('runs two suspects one after the other', async () => {
    const { changes, enter, isolate, readAlone } = createWorld();
    const [first, second] = [enter(), enter()];
    void isolate('first', first);
    expect(await readAlone()).toEqual([]);
    void isolate('second', second);
    expect(await readAlone()).toEqual(['first']);
    first.leave();
    expect(await readAlone()).toEqual(['first', 'second']);
    expect(changes).toEqual([false]);
    second.leave();
    expect(changes).toEqual([false, true]);
  });

  it('opens again when a suspect stops waiting, also beside other runs', async () => {
    const { changes, quarantine, enter, isolate, readAlone } = createWorld();
    const [one, suspect] = [enter(), enter()];
    const controller = new AbortController();
    const waiting = isolate('suspect', suspect, controller.signal);
    controller.abort('drain');
    await expect(waiting).rejects.toBe('drain');
    suspect.leave();
    expect(changes).toEqual([false, true]);
    const next = enter();
    void isolate('next', next);
    expect(await readAlone()).toEqual([]);
    one.leave();
    expect(await readAlone()).toEqual(['next']);
    next.leave();
    expect(quarantine.enter()).toBeDefined();
  });

  it('opens beside a suspect that accepts company, and stays closed for the next suspect until then', async () => {
    const { changes, enter, isolate, readAlone } = createWorld();
    const [cleared, other] = [enter(), enter()];
    cleared.acceptCompany();
    expect(changes).toEqual([]);
    void isolate('cleared', cleared);
    other.leave();
    expect(await readAlone()).toEqual(['cleared']);
    cleared.acceptCompany();
    expect(changes).toEqual([false, true]);
    void isolate('next', enter());
    expect(await readAlone()).toEqual(['cleared']);
    cleared.leave();
    expect(await readAlone()).toEqual(['cleared', 'next']);
  });

  it('does not close for a suspect whose signal is aborted already', async () => {
    const { changes, enter, isolate } = createWorld();
    const suspect = enter();
    await expect(isolate('suspect', suspect, AbortSignal.abort('ended'))).rejects.toBe('ended');
    suspect.leave();
    expect(changes).toEqual([]);
  });

  it('skips a suspect that was stopped while it waited for its turn', async () => {
    const { enter, isolate, readAlone } = createWorld();
    const [first, second, third] = [enter(), enter(), enter()];
    const controller = new AbortController();
    void isolate('first', first);
    const stopped = isolate('second', second, controller.signal);
    void isolate('third', third);
    controller.abort('ended');
    await expect(stopped).rejects.toBe('ended');
    second.leave();
    first.leave();
    expect(await readAlone()).toEqual(['first', 'third']);
  });
});
