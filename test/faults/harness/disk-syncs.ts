import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../../support/wait-until';

/** Whether strace (package strace) is installed. */
export const canWatchDiskSyncs = spawnSync('strace', ['-V']).status === 0;

/** One fsync or fdatasync. Milliseconds since 1970. */
interface DiskSync {
  startedAt: number;
  endedAt: number;
}

interface DiskSyncs {
  /** The completed ones, in the order of their ends. */
  read(): Promise<DiskSync[]>;
  stop(): Promise<void>;
}

/** Traces all threads of a process from now on. */
export async function watchDiskSyncs(pid: number): Promise<DiskSyncs> {
  const folder = await mkdtemp(join(tmpdir(), 'audit-query-syncs-'));
  // One file a thread: in a common file strace splits lines of concurrent calls.
  const options = ['-ff', '-ttt', '-T', '-e', 'trace=fdatasync,fsync', '-e', 'signal=none'];
  const strace = spawn('strace', [...options, '-o', join(folder, 'thread'), '-p', String(pid)]);
  let printed = '';
  strace.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await waitUntil(
    'strace to attach',
    () => {
      if (strace.exitCode !== null) throw new Error(printed);
      return printed;
    },
    (text) => text.includes('attached'),
  );
  return {
    async read() {
      const names = await readdir(folder);
      const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
      return texts.flatMap(parseSyncs).sort((a, b) => a.endedAt - b.endedAt);
    },
    async stop() {
      if (strace.exitCode === null && strace.signalCode === null) {
        const ended = once(strace, 'exit');
        strace.kill();
        await ended;
      }
      await rm(folder, { recursive: true });
    },
  };
}

/** A line is `1795485196.321347 fdatasync(8) = 0 <0.002437>`: start and duration in seconds. */
function parseSyncs(trace: string): DiskSync[] {
  return [...trace.matchAll(/^(\d+\.\d+) f(?:data)?sync\(\d+\) += 0 <(\d+\.\d+)>$/gm)].map(([, begin, took]) => {
    const startedAt = Number(begin) * 1_000;
    return { startedAt, endedAt: startedAt + Number(took) * 1_000 };
  });
}
