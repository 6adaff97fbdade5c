import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Images of these tests, apart from any other of this machine: the cache of the next build. */
export const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'audit-query/containers');

/** runc and the file system of control groups: what works with and without systemd. */
const GLOBAL_OPTIONS = [
  ...['--root', join(CACHE, 'storage'), '--runroot', '/run/audit-query-containers'],
  ...['--network-config-dir', join(CACHE, 'networks'), '--cgroup-manager', 'cgroupfs', '--runtime', 'runc'],
];

const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

export interface Ended {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs Podman to its end, whatever that is. */
export function runPodman(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    execFile(
      'podman',
      [...GLOBAL_OPTIONS, ...args],
      { maxBuffer: OUTPUT_LIMIT_BYTES, encoding: 'utf8' },
      (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : error.code;
        if (typeof exitCode === 'number') resolve({ exitCode, stdout, stderr });
        else reject(new Error('Podman cannot be run, or was ended.', { cause: error }));
      },
    );
  });
}

/**
 * Runs Podman and gives what it printed, without the end of the last line.
 *
 * @throws Error with what it said, when it fails.
 */
export async function podman(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runPodman(args);
  if (exitCode !== 0) throw new Error(`podman ${args.join(' ')} ended with ${exitCode}:\n${stdout}${stderr}`);
  return stdout.trimEnd();
}

/** Podman would raise both as far as they go, which not every machine lets it; so many are enough for any service here. */
export const LIMIT_OPTIONS = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096'];
