import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceProcess } from '../../support/service-processes';
import type { TcpProxy } from '../../support/tcp-proxy';
import { PAGE_LATENCY } from '../harness/on-stage';
import { profile } from '../harness/profile';
import { REFUSALS, RIGHTS, setRights } from '../harness/redis-refusals';
import { canSkewClocks, skewed } from '../harness/process-options';
import type { Stage } from '../harness/stage';
import type { Random } from './random';

/** Does one thing wrong and mends it again. All of them leave the service complete. */
type Disturb = (stage: Stage, random: Random) => Promise<unknown>;

/** Two at once have no subject in common, or one would mend what the other has broken. */
type Subject = 'worker' | 'api' | 'redis' | 'line to Redis' | 'table';

interface Disturbance {
  subjects: readonly Subject[];
  disturb: Disturb;
}

/** For how long every process of a mixture blocks its event loop when it is told to. */
export const BLOCK_MS = profile.lockSeconds * 2_500;

const shortly = (random: Random) => delay(random.whole(200, 3_000));

function pickLiving(processes: readonly ServiceProcess[], stage: Stage, random: Random): ServiceProcess {
  return random.pick(processes.filter((process) => !stage.isGone(process)));
}

/** Spares the first of each kind, which lives for as long as the run: it is the one to show whether its memory grows. */
function pickMortal(processes: readonly ServiceProcess[], stage: Stage, random: Random): ServiceProcess {
  return pickLiving(processes.slice(1), stage, random);
}

async function freeze(process: { kill(signal: NodeJS.Signals): unknown }, forMs: number): Promise<void> {
  process.kill('SIGSTOP');
  await delay(forMs);
  process.kill('SIGCONT');
}

/** Meanwhile it cannot take back what it has refused, either. */
function silence(api: ServiceProcess, stage: Stage, act: (api: ServiceProcess) => Promise<unknown>): Promise<void> {
  return stage.silence(api, () => stage.blind(() => act(api)));
}

async function slowDown(line: TcpProxy, random: Random): Promise<void> {
  line.setQuality({ latencyMs: random.whole(10, 60), bytesPerSecond: 500_000 });
  // For the connections that there are, too.
  line.setMode('reset');
  await shortly(random);
  line.setQuality({});
  line.setMode('reset');
}

const TABLE_FAULTS = [
  { kind: 'status', status: 503 },
  { kind: 'status', status: 500 },
  { kind: 'reset' },
  { kind: 'cut-body' },
  { kind: 'html' },
  { kind: 'empty-page' },
  { kind: 'short-page' },
  { kind: 'partition-boundary' },
] as const;

const OF_WORKERS: Readonly<Record<string, Disturb>> = {
  'a worker is killed': async (stage, random) => {
    await stage.end(pickMortal(stage.workers, stage, random), 'SIGKILL');
    await shortly(random);
    await stage.addWorker();
  },
  'a worker is replaced': async (stage, random) => {
    await stage.addWorker();
    await stage.end(pickMortal(stage.workers, stage, random));
  },
  'a worker is replaced by one whose clock is off': async (stage, random) => {
    await stage.addWorker(canSkewClocks ? skewed(random.pick(['-2h', '+2h'])) : {});
    await stage.end(pickMortal(stage.workers, stage, random));
  },
  'the event loop of a worker is blocked': (stage, random) => {
    const { child } = pickLiving(stage.workers, stage, random);
    return stage.blind(async () => {
      child.kill('SIGUSR2');
      await delay(BLOCK_MS);
    });
  },
  'a worker is frozen': (stage, random) => {
    const { child } = pickLiving(stage.workers, stage, random);
    return stage.blind(() => freeze(child, profile.lockSeconds * random.whole(500, 4_000)));
  },
};

const OF_APIS: Readonly<Record<string, Disturb>> = {
  'an API is killed': async (stage, random) => {
    await stage.addApi();
    await stage.end(pickMortal(stage.apis, stage, random), 'SIGKILL');
  },
  'an API is replaced': async (stage, random) => {
    await stage.addApi();
    const api = pickMortal(stage.apis, stage, random);
    await stage.silence(api, () => stage.end(api));
  },
  'the event loop of an API is blocked': (stage, random) =>
    silence(pickLiving(stage.apis, stage, random), stage, async ({ child }) => {
      child.kill('SIGUSR2');
      await delay(BLOCK_MS);
    }),
  'an API is frozen': (stage, random) =>
    silence(pickLiving(stage.apis, stage, random), stage, ({ child }) => freeze(child, random.whole(500, 4_000))),
};

const OF_REDIS: Readonly<Record<string, Disturb>> = {
  'Redis is killed': (stage, random) =>
    stage.blind(async () => {
      await stage.redis.kill();
      await shortly(random);
      await stage.redis.start();
    }),
  'Redis is frozen': (stage, random) =>
    stage.blind(() => freeze({ kill: (signal) => stage.redis.signal(signal) }, random.whole(500, 4_000))),
  'Redis pauses': (stage, random) =>
    stage.blind(async () => {
      const pauseMs = profile.lockSeconds * random.whole(500, 2_500);
      await stage.redis.client.call('CLIENT', 'PAUSE', pauseMs, random.pick(['ALL', 'WRITE']));
      await delay(pauseMs);
    }),
  'connections are killed': (stage) => stage.redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal'),
  'rights are taken away': (stage, random) =>
    stage.blind(async () => {
      const { take, give } = random.pick(RIGHTS);
      await setRights(stage, take);
      await shortly(random);
      await setRights(stage, give);
    }),
  'Redis is full': (stage, random) =>
    stage.blind(async () => {
      await stage.redis.client.config('SET', 'maxmemory', 1);
      await shortly(random);
      await stage.redis.client.config('SET', 'maxmemory', 0);
    }),
};

const OF_REFUSALS: Readonly<Record<string, Disturb>> = Object.fromEntries(
  Object.entries(REFUSALS).map(([code, refuse]): [string, Disturb] => [
    `Redis refuses writes with ${code}`,
    (stage, random) =>
      stage.blind(async () => {
        const { mend } = await refuse(stage.redis);
        await shortly(random);
        await mend();
      }),
  ]),
);

const OF_LINES: Readonly<Record<string, Disturb>> = {
  'a line to Redis is broken': (stage, random) => {
    const line = random.pick([stage.lines.api, stage.lines.worker]);
    return stage.blind(async () => {
      line.setMode(random.pick(['reset', 'refuse', 'silent', 'requests-lost', 'replies-lost']));
      await shortly(random);
      line.setMode('pass');
    });
  },
  'a line to Redis is slow': (stage, random) => {
    const line = random.pick([stage.lines.api, stage.lines.worker]);
    return stage.blind(() => slowDown(line, random));
  },
};

const OF_TABLE: Readonly<Record<string, Disturb>> = {
  'the table does wrong': async (stage, random) => {
    const rule = { fault: random.pick(TABLE_FAULTS), probability: random.pick([0.01, 0.2]) };
    await stage.double.configure({ faults: [PAGE_LATENCY, rule], faultSeed: random.whole(1, 1_000) });
    await shortly(random);
    await stage.double.configure({ faults: [PAGE_LATENCY] });
  },
  'the table is away': async (stage, random) => {
    stage.lines.table.setMode(random.pick(['reset', 'refuse', 'silent']));
    await delay(random.whole(100, 1_000));
    stage.lines.table.setMode('pass');
  },
  'the line to the table is slow': (stage, random) => slowDown(stage.lines.table, random),
};

const OF_WORKERS_AND_REDIS: Readonly<Record<string, Disturb>> = {
  'a worker is told to go while Redis is away': (stage, random) =>
    stage.blind(async () => {
      await stage.redis.kill();
      await stage.end(pickMortal(stage.workers, stage, random));
      await stage.redis.start();
      await stage.addWorker();
    }),
};

function of(subjects: readonly Subject[], all: Readonly<Record<string, Disturb>>): [string, Disturbance][] {
  return Object.entries(all).map(([name, disturb]) => [name, { subjects, disturb }]);
}

export const DISTURBANCES: readonly (readonly [name: string, Disturbance])[] = [
  ...of(['worker'], OF_WORKERS),
  ...of(['api'], OF_APIS),
  ...of(['redis'], { ...OF_REDIS, ...OF_REFUSALS }),
  ...of(['line to Redis'], OF_LINES),
  ...of(['table'], OF_TABLE),
  ...of(['worker', 'redis'], OF_WORKERS_AND_REDIS),
];
