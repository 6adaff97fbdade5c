import { readFileSync } from 'node:fs';
import { parseComposeFile } from '../support/compose-file';
import { assembleBase, toFullName } from './assemble-base';
import { buildImage } from './build-image';
import { toImageName } from './image-name';

/** Builds the images of docker-compose.yml; unchanged steps come from the cache. */
export default async function setup(): Promise<void> {
  const { services } = parseComposeFile(readFileSync('docker-compose.yml', 'utf8'));
  const built = Object.entries(services).flatMap(([name, { build }]) => (build ? [[name, build] as const] : []));
  const bases = built.flatMap(([, { dockerfile }]) =>
    [...readFileSync(dockerfile, 'utf8').matchAll(/^FROM (\S+)/gm)].map(([, base]) => base ?? ''),
  );
  const others = Object.values(services).flatMap(({ image }) => image ?? []);
  for (const image of new Set([...bases, ...others.sort()])) await assembleBase(toFullName(image));

  for (const [name, { dockerfile, context }] of built) {
    const startedAt = performance.now();
    await buildImage({ image: toImageName(name), dockerfile, context });
    console.log(`${dockerfile} is built (${((performance.now() - startedAt) / 1_000).toFixed(1)} s).`);
  }
}
