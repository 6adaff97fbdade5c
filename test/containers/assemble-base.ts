import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildImage } from './build-image';
import { CACHE, podman, runPodman } from './podman';

const run = promisify(execFile);
const DEBIAN = 'localhost/audit-query-debian:bookworm';
const BASES = join(__dirname, 'bases');

/** The sources of a base image that cannot be pulled. */
const STAND_INS: Readonly<Record<string, (image: string, version: string) => Promise<void>>> = {
  'docker.io/library/node': assembleNode,
  'docker.io/library/redis': async (image) => {
    await assembleDebian();
    await buildImage({ image, dockerfile: join(BASES, 'redis.Dockerfile'), context: BASES });
  },
  'mcr.microsoft.com/azure-storage/azurite': async (image, version) => {
    const node = await readNodeImage();
    const variables = { NODE: node, VERSION: version };
    await buildImage({ image, dockerfile: join(BASES, 'azurite.Dockerfile'), context: BASES, variables });
  },
};

/**
 * Provides an image: from an earlier run, from its registry, or assembled under the same name from Debian's packages and
 * the npm registry.
 *
 * @param image With its registry, such as `docker.io/library/node:24.21.0-bookworm-slim`.
 */
export async function assembleBase(image: string): Promise<void> {
  if ((await runPodman(['image', 'exists', image])).exitCode === 0) return;
  if ((await runPodman(['pull', '--quiet', image])).exitCode === 0) return;
  const [name = '', tag = ''] = image.split(':');
  const standIn = STAND_INS[name];
  if (standIn === undefined) throw new Error(`${image} cannot be pulled, and nothing is known that could stand in.`);
  console.log(`${image} cannot be pulled: assembling what stands in for it ...`);
  await standIn(image, tag.split('-')[0] ?? '');
}

/** The full name of an image of Docker Hub with a short name. */
export function toFullName(image: string): string {
  return image.includes('/') ? image : `docker.io/library/${image}`;
}

async function assembleDebian(): Promise<void> {
  if ((await runPodman(['image', 'exists', DEBIAN])).exitCode === 0) return;
  await inFolder(async (folder) => {
    const root = join(folder, 'root');
    await run('debootstrap', ['--variant=minbase', 'bookworm', root], { maxBuffer: 1e8 });
    for (const path of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man', 'usr/share/locale']) {
      rmSync(join(root, path), { recursive: true });
    }
    await run('tar', ['-C', root, '-cf', join(folder, 'root.tar'), '.']);
    await podman('import', '--change', 'CMD ["bash"]', join(folder, 'root.tar'), DEBIAN);
  });
}

async function assembleNode(image: string, version: string): Promise<void> {
  await assembleDebian();
  const npm = (await run('npm', ['--version'])).stdout.trim();
  await inFolder(async (folder) => {
    writeFileSync(join(folder, 'package.json'), '{"private":true}');
    const packages = [`node-linux-${process.arch}@${version}`, `npm@${npm}`];
    await run('npm', ['install', '--no-save', '--ignore-scripts', ...packages], { cwd: folder });
    cpSync(BASES, folder, { recursive: true });
    await buildImage({ image, dockerfile: join(folder, 'node.Dockerfile'), context: folder });
  });
}

async function readNodeImage(): Promise<string> {
  const names = await podman('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', 'docker.io/library/node');
  const [name] = names.split('\n');
  if (!name) throw new Error('The image of Node has to be assembled before that of Azurite.');
  return name;
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'base-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
