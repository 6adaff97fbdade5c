// `npm run test:containers`: builds the images of docker-compose.yml, checks their content, and runs them as that file
// says, with Podman and runc in place of a Docker engine. Arguments go to the test runner.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, ensureDependencies } from '../../apps/local/bootstrap.mjs';
import { ensureProgram } from '../support/ensure-program.mjs';

if (process.getuid?.() !== 0)
  fail('Assembling images and running containers as compose does takes root: run it as root.');
await ensureDependencies();
ensurePrograms();
await build();
const { status } = spawnSync(
  process.execPath,
  [
    ...[join('node_modules', 'vitest', 'vitest.mjs'), 'run', '--config', 'test/containers/vitest.config.mts'],
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);

function ensurePrograms() {
  // Packages that Podman only recommends: network, DNS and init. The network calls iptables, on which no package depends.
  const packages = {
    podman: 'podman buildah netavark aardvark-dns catatonit iptables',
    iptables: 'iptables',
    runc: 'runc',
    debootstrap: 'debootstrap',
    curl: 'curl',
  };
  const missing = Object.entries(packages).filter(([program, names]) => !ensureProgram(program, names));
  if (missing.length === 0) return;
  fail(`What is missing comes with these packages of Debian: ${missing.map(([, names]) => names).join(' ')}.`);
}

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exit(2);
}
