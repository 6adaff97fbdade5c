import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Has a program that tests need, from Debian where this process may install it.
 *
 * @param {string} program as it is called on the PATH
 * @param {{ package?: string, without: string }} options the package's name where it is another one, and what to say when
 *   the program is not to be had
 */
export function ensureProgram(program, options) {
  if (isOnPath(program) || install(program, options.package ?? program)) return;
  console.log(`There is no ${program} to be had: ${options.without}`);
}

/** @param {string} program */
export function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/** Whether the program is there after Debian's package was installed. */
function install(program, name) {
  if (process.getuid?.() !== 0 || !isOnPath('apt-get')) return false;
  console.log(`There is no ${program} on the PATH: installing it with apt-get ...`);
  // RUNLEVEL keeps a package from starting its service.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', name]]) {
    spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env });
  }
  return isOnPath(program);
}
