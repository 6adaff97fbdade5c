import { forEachRound, newKeyPrefix } from '../../bench';
import type { Check } from '../../report';
import { compareRounds, type HttpBench } from '../http-bench';
import { measureStatus, submitMany } from '../load';
import { openRawQueue } from '../raw-queue';
import { startService } from '../start-service';

const SHORT = 100;
const LONG = 100_000;
const WARM_UP_SECONDS = 2;

/** Whether those who wait behind many are answered as fast as those who wait behind few. */
export async function backlog({ redisUrl, rounds, seconds }: HttpBench): Promise<Check[]> {
  const [short, long] = await Promise.all([prepare(redisUrl, 0), prepare(redisUrl, LONG - SHORT)]);
  try {
    for (const { measure } of [short, long]) await measure(WARM_UP_SECONDS);
    const [ours, peer]: [number[], number[]] = [[], []];
    await forEachRound(rounds, async (round) => {
      const turns = [
        async () => ours.push(await long.measure(seconds)),
        async () => peer.push(await short.measure(seconds)),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
    });
    const what = `status with ${LONG.toLocaleString('en')} queries waiting, beside ${SHORT}`;
    return [compareRounds({ case: 3, what, unit: '/s', ours, peer, target: { atLeast: 0.9 } })];
  } finally {
    await Promise.all([short.end(), long.end()]);
  }
}

/** An API whose queries wait behind so many. */
async function prepare(redisUrl: string, before: number) {
  const keyPrefix = newKeyPrefix();
  const raw = openRawQueue(redisUrl, keyPrefix);
  await raw.fill(before);
  await raw.close();
  const api = await startService(redisUrl, keyPrefix);
  const ids = await submitMany(api.url, SHORT);
  return { measure: (seconds: number) => measureStatus(api.url, ids, seconds), end: () => api.end() };
}
