import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** `engine`: ours; `original`: the algorithm that ours takes the place of; `bare`: the least that any client can do. */
export type ContestantName = 'engine' | 'original' | 'bare';

/** What a contestant counts. Plain data: it travels to a process of its own. */
export interface Task {
  connectionString: string;
  tableName: string;
  /** Days, both inclusive. */
  start: string;
  end: string;
  /** For the engine alone. */
  engine: { redisUrl: string; keyPrefix: string; concurrency: number; maxAgeSeconds: number };
}

interface Answer {
  /** Distinct identifiers; 0 from the bare reader, which keeps none. */
  count: number;
  entitiesRead: number;
}

/** A contestant's run, its start-up and its connection to Redis left out. */
export interface Measurement extends Answer {
  ms: number;
  /** Of the whole process: all threads, user and system. */
  cpuMs: number;
  /** The most that the process ever had, start-up included. */
  peakRssBytes: number;
}

export type ContestantReport = { measured: Measurement } | { failed: string };

/** Runs a contestant in a process of its own, so that its CPU time and its memory are nobody else's. */
export async function tryContestant(name: ContestantName, task: Task): Promise<ContestantReport> {
  const child = fork(join(__dirname, 'contestant-process.js'), [name, JSON.stringify(task)], { execArgv: [] });
  const ended = once(child, 'exit');
  const [report] = (await Promise.race([
    once(child, 'message'),
    ended.then(([code]) => Promise.reject(new Error(`the ${name} ended with code ${String(code)}`))),
  ])) as [ContestantReport];
  await ended;
  return report;
}

/** @throws Error when the contestant fails. */
export async function runContestant(name: ContestantName, task: Task): Promise<Measurement> {
  const report = await tryContestant(name, task);
  if ('failed' in report) throw new Error(`the ${name} failed: ${report.failed}`);
  return report.measured;
}

/** Something to measure, and what ends what it holds. */
export interface Scan {
  run(): Promise<Answer>;
  close(): void;
}
