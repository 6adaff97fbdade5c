import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceProcess } from '../../support/service-processes';
import type { TcpProxy } from '../../support/tcp-proxy';
import { PAGE_LATENCY } from '../harness/on-stage';
import { profile } from '../harness/profile';
import { REFUSALS, RIGHTS, setRights } from '../harness/redis-refusals';
import { canSkewClocks, skewed } from '../harness/process-options';
import type { Stage } from '../harness/stage';
import type { Random } from './random';

/** Causes one fault and repairs it. Every disturbance leaves the service complete. */
type Disturb = (stage: Stage, random: Random) => Promise<unknown>;

/** Concurrent disturbances have no common subject: one would repair the fault of the other. */
type Subject = 'worker' | 'api' | 'redis' | 'connection to Redis' | 'table';

interface Disturbance {
  subjects: readonly Subject[];
  disturb: Disturb;
}

/** How long a process of the mixture blocks its event loop at SIGUSR2. */
export const BLOCK_MS = profile.lockSeconds * 2_500;

const shortly = (random: Random) => delay(random.whole(200, 3_000));

function pickLiving(processes: readonly ServiceProcess[], stage: Stage, random: Random): ServiceProcess {
  return random.pick(processes.filter((process) => !stage.isGone(process)));
}

/** Spares the first process of each kind: it lives during the whole run, and I8 judges its memory. */
function pickMortal(processes: readonly ServiceProcess[], stage: Stage, random: Random): ServiceProcess {
  return pickLiving(processes.slice(1), stage, random);
}

async function freeze(process: { kill(signal: NodeJS.Signals): unknown }, forMs: number): Promise<void> {
  process.kill('SIGSTOP');
  await delay(forMs);
  process.kill('SIGCONT');
}

/** Also a blindness: meanwhile the API cannot remove the jobs of refused submissions. */
function silence(api: ServiceProcess, stage: Stage, act: (api: ServiceProcess) => Promise<unknown>): Promise<void> {
  return stage.silence(api, () => stage.blind(() => act(api)));
}

async function slowDown(proxy: TcpProxy, random: Random): Promise<void> {
  proxy.setQuality({ latencyMs: random.whole(10, 60), bytesPerSecond: 500_000 });
  // Open connections keep their quality: a reset makes the clients reconnect.
  proxy.setMode('reset');
  await shortly(random);
  proxy.setQuality({});
  proxy.setMode('reset');
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

const OF_CONNECTIONS: Readonly<Record<string, Disturb>> = {
  'a connection to Redis breaks': (stage, random) => {
    const proxy = random.pick([stage.proxies.api, stage.proxies.worker]);
    return stage.blind(async () => {
      proxy.setMode(random.pick(['reset', 'refuse', 'silent', 'requests-lost', 'replies-lost']));
      await shortly(random);
      proxy.setMode('pass');
    });
  },
  'a connection to Redis is slow': (stage, random) => {
    const proxy = random.pick([stage.proxies.api, stage.proxies.worker]);
    return stage.blind(() => slowDown(proxy, random));
  },
};

const OF_TABLE: Readonly<Record<string, Disturb>> = {
  'the table fails': async (stage, random) => {
    const rule = { fault: random.pick(TABLE_FAULTS), probability: random.pick([0.01, 0.2]) };
    await stage.double.configure({ faults: [PAGE_LATENCY, rule], faultSeed: random.whole(1, 1_000) });
    await shortly(random);
    await stage.double.configure({ faults: [PAGE_LATENCY] });
  },
  'the table is unreachable': async (stage, random) => {
    stage.proxies.table.setMode(random.pick(['reset', 'refuse', 'silent']));
    await delay(random.whole(100, 1_000));
    stage.proxies.table.setMode('pass');
  },
  'the connection to the table is slow': (stage, random) => slowDown(stage.proxies.table, random),
};

const OF_WORKERS_AND_REDIS: Readonly<Record<string, Disturb>> = {
  'a worker gets SIGTERM while Redis is unreachable': (stage, random) =>
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
  ...of(['connection to Redis'], OF_CONNECTIONS),
  ...of(['table'], OF_TABLE),
  ...of(['worker', 'redis'], OF_WORKERS_AND_REDIS),
];
