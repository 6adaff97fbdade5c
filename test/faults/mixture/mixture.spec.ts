import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { readResidentBytes } from '../../support/resident-bytes';
import type { ServiceProcess } from '../../support/service-processes';
import { generateDays } from '../../support/table-double/generated-table';
import { findGrowth } from '../checker/find-growth';
import { blockingFor } from '../harness/blocking';
import { listAccepted, now } from '../harness/history';
import { onStage, ROWS, type StageOptions } from '../harness/on-stage';
import type { Stage } from '../harness/stage';
import { BLOCK_MS, DISTURBANCES } from './disturbances';
import { keepCalling } from './load';
import { Random } from './random';

const SEED = Number(process.env['FAULTS_SEED'] ?? 1);
const MINUTES = Number(process.env['FAULTS_MINUTES'] ?? 10);
const CALLERS_AT_ONCE = 6;
const TWO_AT_ONCE = 0.4;
const SAMPLE_MS = 2_000;

/**
 * Those that are never killed grew by 1 % and 8 % from the second quarter of three minutes to the last one. In the first
 * minute it was up to 33 %, while they warmed up: a run that is shorter than three minutes tells less.
 */
const SPARED_GROWTH = { times: MINUTES < 3 ? 1.6 : 1.3, freeBytes: 0 };

/** One for each that calls; each of 80 pages. */
const OWN_DAYS = generateDays('2021-11-01', CALLERS_AT_ONCE, 80_000);

const OPTIONS: StageOptions = {
  apis: 2,
  workers: 3,
  redis: { appendfsync: 'always' },
  rows: { ...ROWS, partitions: [...ROWS.partitions, ...OWN_DAYS] },
  check: { mayFailAs: ['TABLE_PROTOCOL', 'TABLE_UNREACHABLE', 'TABLE_THROTTLED'] },
};

/** Of those that are accepted when all is well, a fifth. */
const LEAST_QUERIES_A_MINUTE = 60;

it(`whatever happens, in any order (seed ${SEED}, ${MINUTES} minutes): what was promised is kept`, () =>
  onStage({ ...OPTIONS, env: blockingFor(BLOCK_MS) }, async (stage) => {
    const end = now() + MINUTES * 60_000;
    const isOver = () => now() > end;
    const samples = new Map<ServiceProcess, number[]>();
    const calling = OWN_DAYS.map(({ key }, i) => keepCalling(stage, new Random(SEED + i + 1), key, isOver));
    const happened = await Promise.all([disturb(stage, isOver), sampleMemory(stage, samples, isOver), ...calling]);
    const { calls } = stage.history;
    const accepted = listAccepted(stage.history).size;
    const refused = calls.filter(({ answer }) => answer?.status === 503).length;
    console.log(
      `seed ${SEED}: ${happened[0]} disturbances, ${calls.length} calls, ${accepted} queries, ${refused} times 503`,
    );
    expect(accepted).toBeGreaterThan(LEAST_QUERIES_A_MINUTE * MINUTES);
    const spared = new Set([stage.apis[0], stage.workers[0]]);
    const judge = ([process, bytes]: [ServiceProcess, number[]]) => {
      const name = `process ${process.child.pid} of ${bytes.length} samples`;
      return findGrowth(name, bytes, spared.has(process) ? SPARED_GROWTH : undefined);
    };
    expect([...samples].flatMap(judge)).toEqual([]);
  }));

/** One after the other or two at once, with some peace in between. @returns How many. */
async function disturb(stage: Stage, isOver: () => boolean): Promise<number> {
  const random = new Random(SEED);
  let count = 0;
  while (!isOver()) {
    const [first, second] = draw(random);
    const drawn = second === undefined ? [first] : [first, second];
    console.log(`${new Date().toISOString()} ${drawn.map(([name]) => name).join(', and ')}`);
    // Draws of their own: whoever is faster must not change what the other does.
    const randoms = drawn.map(() => new Random(random.whole(1, 1_000_000)));
    await Promise.all(drawn.map(([, one], i) => one.disturb(stage, randoms[i]!)));
    count += drawn.length;
    await delay(random.whole(0, 3_000));
  }
  return count;
}

type Drawn = (typeof DISTURBANCES)[number];

function draw(random: Random): [Drawn, Drawn?] {
  const first = random.pick(DISTURBANCES);
  if (random.fraction() >= TWO_AT_ONCE) return [first];
  const isApart = ([, { subjects }]: Drawn) => !subjects.some((subject) => first[1].subjects.includes(subject));
  return [first, random.pick(DISTURBANCES.filter(isApart))];
}

async function sampleMemory(
  stage: Stage,
  samples: Map<ServiceProcess, number[]>,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    for (const process of [...stage.apis, ...stage.workers].filter((one) => !stage.isGone(one))) {
      samples.set(process, [...(samples.get(process) ?? []), readResidentBytes(process)]);
    }
    await delay(SAMPLE_MS);
  }
}
