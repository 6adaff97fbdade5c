import { randomFillSync } from 'node:crypto';
import type { CalendarDay } from '#shared/contract/calendar-day';
import { type Bench, forEachRound, newKeyPrefix, repeat, withTable } from '../bench';
import { runContestant, type Task } from '../contestant';
import { toDay } from '../days';
import { connectEngine } from '../engine-scan';
import type { Check } from '../report';
import { round, show, summarize } from '../summary';

const DAYS = 365;
const SIZES = [1_000, 30_000];
const HASH_BYTES = 16;
const MEGABYTE = 1_000_000;

/** A year whose days are all stored, each with identifiers that no other day has: the most that there is to join. */
export async function reusedDays(bench: Bench): Promise<Check[]> {
  return withTable(bench, { entitiesOfDays: repeat(DAYS, 1) }, async ({ double, task }) => {
    const checks: Check[] = [];
    for (const size of SIZES) {
      const query = task({ concurrency: 16, maxAgeSeconds: 3_600, keyPrefix: newKeyPrefix() });
      await storeDays(query, size);
      await double.reset();
      const ms: number[] = [];
      let peakRssBytes = 0;
      let isExact = true;
      await forEachRound(bench.rounds, async () => {
        const measured = await runContestant('engine', query);
        ms.push(measured.ms);
        peakRssBytes = Math.max(peakRssBytes, measured.peakRssBytes);
        isExact &&= measured.count === DAYS * size;
      });
      const pages = (await double.requests()).length;
      const time = summarize(ms);
      checks.push({
        case: 7,
        what: `${DAYS} stored days of ${size.toLocaleString('en')} identifiers each, all distinct`,
        ours: show(time, 'ms'),
        peer: `${round(peakRssBytes / MEGABYTE)} MB resident at the peak`,
        result: `${round(time.median)} ms, ${pages} pages${isExact ? '' : ', NOT EXACT'}`,
        target: 'no page, under 300 ms',
        met: isExact && pages === 0 && time.median < 300,
      });
    }
    return checks;
  });
}

async function storeDays(task: Task, identifiersPerDay: number): Promise<void> {
  const { ports, readClock, close } = await connectEngine(task);
  const scannedAt = await readClock();
  for (let i = 0; i < DAYS; i += 1) {
    await ports.daySets.write(toDay(i) as CalendarDay, {
      scannedAt,
      demandedAt: scannedAt,
      entitiesRead: identifiersPerDay,
      entitiesWithoutIdentifier: 0,
      // As good as hashes, and with 128 random bits as good as distinct.
      identifiers: randomFillSync(new Uint8Array(identifiersPerDay * HASH_BYTES)),
    });
  }
  close();
}
