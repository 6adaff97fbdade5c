import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Returns whether the program is installed. Installs its Debian package first if it is missing and this process may.
 *
 * @param {string} program
 * @param {string} [name] The package, if it has another name.
 */
export function ensureProgram(program, name = program) {
  return isOnPath(program) || install(program, name);
}

/** @param {string} program */
export function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)));
}

function install(program, name) {
  if (process.getuid?.() !== 0 || !isOnPath('apt-get')) return false;
  console.log(`There is no ${program} on the PATH: installing it with apt-get ...`);
  // RUNLEVEL keeps a package from starting its service.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...name.split(' ')]]) {
    spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env });
  }
  return isOnPath(program);
}
