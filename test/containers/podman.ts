import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Storage of the images of these tests, apart from other images of this machine; also the cache of the next build. */
export const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'audit-query/containers');

/** runc with cgroupfs works with and without systemd. */
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

/** Runs Podman. Does not throw if it fails. */
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
 * Runs Podman. @returns Its stdout without the last line end.
 *
 * @throws Error with its stderr if it fails.
 */
export async function podman(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runPodman(args);
  if (exitCode !== 0) throw new Error(`podman ${args.join(' ')} ended with ${exitCode}:\n${stdout}${stderr}`);
  return stdout.trimEnd();
}

/** Podman's own limits are the highest possible ones, which not every machine allows. These suffice for all services. */
export const LIMIT_OPTIONS = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096'];
