import { describe, expect, it } from 'vitest';
import { RouteTally } from './route-tally';

const read = (lines: string[], wanted: string) =>
  lines
    .find((line) => line.includes(wanted))
    ?.split(' ')
    .at(-1);

describe('RouteTally', () => {
  it('counts an answer in every bucket whose bound it keeps, and its seconds', () => {
    const tally = new RouteTally('GET', '/api/queries/:id');
    for (const seconds of [0.005, 0.006, 0.2, 61]) tally.add(200, seconds, false);
    const lines = tally.render('x', 'api');
    const buckets = ['0.005', '0.01', '0.1', '0.25', '60', '+Inf'].map((bound) => read(lines, `le="${bound}"`));
    expect(buckets).toEqual(['1', '2', '2', '3', '3', '4']);
    expect([read(lines, 'x_count'), Number(read(lines, 'x_sum'))]).toEqual(['4', expect.closeTo(61.211)]);
  });

  it('tells status classes apart, and answers that were held back', () => {
    const tally = new RouteTally('GET', '/x');
    tally.add(200, 1, true);
    tally.add(304, 1, false);
    tally.add(503, 1, false);
    const counts = tally.render('x', 'api').filter((line) => line.startsWith('x_count'));
    expect(counts).toEqual([
      'x_count{app="api",method="GET",route="/x",status="2xx",held="true"} 1',
      'x_count{app="api",method="GET",route="/x",status="3xx",held="false"} 1',
      'x_count{app="api",method="GET",route="/x",status="5xx",held="false"} 1',
    ]);
  });

  it('has no line before the first answer', () => {
    expect(new RouteTally('GET', '/x').render('x', 'api')).toEqual([]);
  });
});
