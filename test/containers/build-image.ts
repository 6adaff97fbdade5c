import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { podman } from './podman';

const run = promisify(execFile);

export interface ImageBuild {
  image: string;
  dockerfile: string;
  context: string;
  /** The Dockerfile's ARGs. */
  variables?: Readonly<Record<string, string>>;
}

/** Builds an image in Docker's format, with the npm configuration of this machine. */
export async function buildImage({ image, dockerfile, context, variables = {} }: ImageBuild): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'audit-query-npm-'));
  try {
    await podman(
      ...['build', '--quiet', '--layers', '--tag', image, '--file', dockerfile],
      // The OCI format has no HEALTHCHECK.
      ...['--format', 'docker'],
      // The steps need the registry, and no more confinement than `npm ci` outside a container.
      ...['--isolation', 'chroot', '--network', 'host'],
      ...(await toNpmOptions(folder)),
      ...Object.entries(variables).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
      context,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Mounted during a step only: the image contains none of it. */
async function toNpmOptions(folder: string): Promise<string[]> {
  const [registry, authorities] = await Promise.all(['registry', 'cafile'].map(readNpmSetting));
  const npmrc = join(folder, 'npmrc');
  const hasAuthorities = authorities !== undefined && authorities.startsWith('/');
  writeFileSync(npmrc, `registry=${registry}\n${hasAuthorities ? 'cafile=/run/npm-authorities.pem\n' : ''}`);
  const mounts = [
    // The home folder of the user of the steps.
    `${npmrc}:/root/.npmrc:ro`,
    ...(hasAuthorities ? [`${authorities}:/run/npm-authorities.pem:ro`] : []),
  ];
  return mounts.flatMap((mount) => ['--volume', mount]);
}

async function readNpmSetting(name: string): Promise<string> {
  return (await run('npm', ['config', 'get', name])).stdout.trim();
}
