import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type RemoteTableDouble, startTableDoubleProcess } from '../support/table-double/start-table-double-process';
import type { TableDoubleSettings } from '../support/table-double/table-double-options';
import { type ContestantName, runContestant, type Task } from './contestant';
import { toDay } from './days';

/** What every case is given. */
export interface Bench {
  rounds: number;
  redisUrl: string;
}

interface TableDescription extends Partial<TableDoubleSettings> {
  /** Entities of each day, from FIRST_DAY on. */
  entitiesOfDays: readonly number[];
  /** Default as many as there are entities. */
  distinctIdentifiers?: number;
  /** Default: all pages are kept once they are written, so that the double costs next to no CPU time. */
  pageCacheBytes?: number;
}

export interface BenchTable {
  readonly double: RemoteTableDouble;
  /** The whole table, for an engine that has no day set of it. */
  readonly task: (engine: { concurrency: number; maxAgeSeconds?: number; keyPrefix?: string }) => Task;
  /** Has the double write its pages before anything is measured, without faults and limits. */
  readonly warmUp: (...contestants: ContestantName[]) => Promise<void>;
}

const TABLE_NAME = 'bench';
const CACHE_BYTES = 512 * 1_024 * 1_024;

/** What a page takes to come, unless a case says otherwise. */
export const LATENCY_MS = 60;

export const LATENCY = { fault: { kind: 'latency', ms: LATENCY_MS } } as const;

/** Gives `work` a table double in a process of its own. */
export async function withTable<T>(
  { redisUrl }: Bench,
  { entitiesOfDays, distinctIdentifiers, pageCacheBytes = CACHE_BYTES, ...settings }: TableDescription,
  work: (table: BenchTable) => Promise<T>,
): Promise<T> {
  const partitions = entitiesOfDays.map((entities, i) => ({ key: toDay(i), entities }));
  const total = entitiesOfDays.reduce((sum, entities) => sum + entities, 0);
  const rows = { partitions, distinctIdentifiers: distinctIdentifiers ?? total };
  const double = await startTableDoubleProcess(join(__dirname, '../support/table-double/table-double-process.js'), {
    tables: { [TABLE_NAME]: { kind: 'generated', rows } },
    pageCacheBytes,
  });
  const task: BenchTable['task'] = ({ concurrency, maxAgeSeconds = 0, keyPrefix = newKeyPrefix() }) => ({
    connectionString: double.connectionString,
    tableName: TABLE_NAME,
    start: toDay(0),
    end: toDay(entitiesOfDays.length - 1),
    engine: { redisUrl, keyPrefix, concurrency, maxAgeSeconds },
  });
  const warmUp: BenchTable['warmUp'] = async (...contestants) => {
    await double.configure({ faults: [], rateLimits: null });
    for (const name of contestants) await runContestant(name, task({ concurrency: 1 }));
    await double.configure(settings);
    await double.reset();
  };
  try {
    await double.configure(settings);
    return await work({ double, task, warmUp });
  } finally {
    await double.stop();
  }
}

/** Under a new prefix nothing is known of any day. */
export function newKeyPrefix(): string {
  return `{bench-${randomUUID()}}`;
}

export function repeat<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}

/** Calls `round` as often as there are rounds, one after the other. */
export async function forEachRound(rounds: number, round: (index: number) => Promise<void>): Promise<void> {
  for (let index = 0; index < rounds; index += 1) await round(index);
}

export function toSeconds({ ms }: { ms: number }): number {
  return ms / 1_000;
}
