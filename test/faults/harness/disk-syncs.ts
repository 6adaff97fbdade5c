import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../../support/wait-until';

/** Whether the system calls of a process can be seen here: with strace, from the package strace. */
export const canWatchDiskSyncs = spawnSync('strace', ['-V']).status === 0;

/** When a process had the kernel force a file to the disk. Milliseconds since 1970. */
interface DiskSync {
  startedAt: number;
  endedAt: number;
}

interface DiskSyncs {
  /** Those that have ended, in their order. */
  read(): Promise<DiskSync[]>;
  stop(): Promise<void>;
}

/** Watches all threads of a process from now on. */
export async function watchDiskSyncs(pid: number): Promise<DiskSyncs> {
  const folder = await mkdtemp(join(tmpdir(), 'audit-query-syncs-'));
  // A file for each thread, so that no line is cut into two by another one.
  const options = ['-ff', '-ttt', '-T', '-e', 'trace=fdatasync,fsync', '-e', 'signal=none'];
  const strace = spawn('strace', [...options, '-o', join(folder, 'thread'), '-p', String(pid)]);
  let told = '';
  strace.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
  await waitUntil(
    'strace to watch',
    () => {
      if (strace.exitCode !== null) throw new Error(told);
      return told;
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

/** Such as `1795485196.321347 fdatasync(8) = 0 <0.002437>`: when it began, and how many seconds it took. */
function parseSyncs(trace: string): DiskSync[] {
  return [...trace.matchAll(/^(\d+\.\d+) f(?:data)?sync\(\d+\) += 0 <(\d+\.\d+)>$/gm)].map(([, begin, took]) => {
    const startedAt = Number(begin) * 1_000;
    return { startedAt, endedAt: startedAt + Number(took) * 1_000 };
  });
}
