import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { waitUntil } from '../../support/wait-until';
import type { Stage } from './stage';

export interface PollingPlan {
  connections: number;
  pollsASecond: number;
  key: string;
}

/** A process that polls one query. */
export interface Polling {
  stop(): Promise<{ errors: number; non2xx: number }>;
}

/** The number of scripts that Redis has run: a poll is one script. */
export async function countScripts({ redis: { client } }: Stage): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
}

/** Resolves when every connection has sent its first poll and polling continues at its rate. */
export async function startPolling(
  stage: Stage,
  url: string,
  { connections, pollsASecond, key }: PollingPlan,
): Promise<Polling> {
  const options = { url, connections, overallRate: pollsASecond, headers: { 'x-api-key': key } };
  const poller = [join('dist', 'test', 'faults', 'harness', 'polling-process.js'), JSON.stringify(options)];
  const child = spawn(process.execPath, poller, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const printed = text(child.stdout);
  const before = await countScripts(stage);
  await waitUntil(
    'the polls to begin',
    () => countScripts(stage),
    (scripts) => scripts > before + connections + pollsASecond,
  );
  return {
    async stop() {
      child.kill('SIGTERM');
      await exited;
      return JSON.parse(await printed) as { errors: number; non2xx: number };
    },
  };
}
