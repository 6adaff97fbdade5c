import { describe, expect, it } from 'vitest';
import type { ApiConfig } from '#shared/config/api-config';
import { WaitPipe } from './wait.decorator';

const pipe = new WaitPipe({ maxWaitSeconds: 55 } as ApiConfig);
const NONE = { seconds: 0, isPreference: false };

describe('WaitPipe', () => {
  it.each<[unknown, string | string[] | undefined, object]>([
    [undefined, undefined, NONE],
    [undefined, 'wait=10', { seconds: 10, isPreference: true }],
    [undefined, 'respond-async, wait=10', { seconds: 10, isPreference: true }],
    [undefined, 'Wait = "7"; x=y', { seconds: 7, isPreference: true }],
    [undefined, ['respond-async', 'wait=3'], { seconds: 3, isPreference: true }],
    [undefined, 'wait=100', { seconds: 55, isPreference: true }],
    [undefined, 'wait=-1', NONE],
    [undefined, 'wait=soon', NONE],
    [undefined, 'nowait=10', NONE],
    ['5', 'wait=10', { seconds: 5, isPreference: false }],
    ['0', undefined, NONE],
    ['99999', undefined, { seconds: 55, isPreference: false }],
  ])('wait=%j, Prefer: %j', (parameter, prefer, expected) => {
    expect(pipe.transform({ parameter, prefer })).toEqual(expected);
  });

  it.each([['-1'], ['1.5'], ['x'], [''], [['1', '2']]])('refuses the parameter %j', (parameter) => {
    expect(() => pipe.transform({ parameter, prefer: undefined })).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID' }),
    );
  });
});
