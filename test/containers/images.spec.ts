import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseComposeFile } from '../support/compose-file';
import { toFullName } from './assemble-base';
import { type Image, readImage } from './image';
import { toImageName } from './image-name';

interface LockedPackage {
  dev?: boolean;
  devOptional?: boolean;
  optional?: boolean;
}

const SERVICES = ['api', 'worker', 'sample-data'] as const;
const { services } = parseComposeFile(readFileSync('docker-compose.yml', 'utf8'));

let base: Image;
let images: Record<(typeof SERVICES)[number], Image>;

beforeAll(async () => {
  const [, name = ''] = /^FROM (\S+)$/m.exec(readFileSync('apps/api/Dockerfile', 'utf8')) ?? [];
  base = await readImage(toFullName(name));
  const read = await Promise.all(SERVICES.map((service) => readImage(toImageName(service))));
  images = Object.fromEntries(SERVICES.map((service, i) => [service, read[i]])) as typeof images;
});

afterAll(() => {
  const standIn = base.config.Labels?.['audit-query.stand-in'];
  console.log(`${toSizeTable(base, images)}\n\nThe base is ${standIn ?? 'the official image'}.`);
});

describe.each(SERVICES)('the image of %s', (service) => {
  const app = /^apps\/(\w+)\//.exec(services[service].build?.dockerfile ?? '')?.[1] ?? '';
  const added = () => [...images[service].entries.keys()].filter((path) => !base.entries.has(path));
  const ours = () => added().filter((path) => path.startsWith('app/') && !path.startsWith('app/node_modules/'));

  it('adds nothing to its base outside /app: no cache, no npm configuration, no temporary files', () => {
    expect(added().filter((path) => path !== 'app' && !path.startsWith('app/'))).toEqual([]);
  });

  it('contains of this project the built libraries, the one built app and package.json', () => {
    const kinds = ours().filter((path) => !new RegExp(`^app/dist/(libs/shared|apps/${app})/.`).test(path));
    expect(kinds.sort()).toEqual([
      'app/dist',
      'app/dist/apps',
      `app/dist/apps/${app}`,
      'app/dist/libs',
      'app/dist/libs/shared',
      'app/node_modules',
      'app/package.json',
    ]);
    const files = ours().filter((path) => images[service].entries.get(path)?.isFile());
    expect(files.filter((path) => !/(^app\/package\.json|(?<!\.spec)\.js)$/.test(path))).toEqual([]);
    expect(files).toContain(`app/${images[service].config.Cmd.at(-1)}`);
  });

  it('contains all production modules and no others', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Record<string, LockedPackage>;
    };
    const needed = Object.entries(packages)
      .filter(([path, { dev, devOptional, optional }]) => path !== '' && !dev && !devOptional && !optional)
      .map(([path]) => path);
    const installed = added().flatMap((path) => {
      return /^app\/((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/@.][^/]*)\/package\.json$/.exec(path)?.[1] ?? [];
    });
    expect(installed.sort()).toEqual(needed.sort());
  });

  it('contains no source maps, type declarations or configuration files', () => {
    expect(added().filter((path) => /\.map$|\.d\.[mc]?ts$|\/\.(env[^/]*|npmrc)$/.test(path))).toEqual([]);
  });

  it('runs as a user who cannot change its files', () => {
    const { config, entries } = images[service];
    expect(config).toMatchObject({ User: '1000', WorkingDir: '/app' });
    const changeable = added().filter((path) => {
      const { uid, gid, mode } = entries.get(path) ?? { uid: 1000, gid: 1000, mode: 0 };
      return uid !== 0 || gid !== 0 || ((mode & 0o022) !== 0 && (mode & 0o170000) !== 0o120000);
    });
    expect(changeable).toEqual([]);
  });

  it('has only the variables of its Dockerfile and of its base', () => {
    const dockerfile = readFileSync(services[service].build?.dockerfile ?? '', 'utf8');
    const own = images[service].config.Env.filter((variable) => !base.config.Env.includes(variable));
    expect(own).toEqual(/^ENV (.*)$/m.exec(dockerfile)?.[1]?.split(' ') ?? []);
  });
});

it('the three images share all layers but the one of the app', () => {
  const [first = [], ...others] = SERVICES.map((service) => images[service].layers.slice(0, -1));
  expect(first.slice(0, base.layers.length)).toEqual(base.layers);
  for (const other of others) expect(other).toEqual(first);
  expect(new Set(SERVICES.map((service) => images[service].layers.at(-1))).size).toBe(SERVICES.length);
});

const COLUMNS = ['base', 'modules', 'libraries', 'app'] as const;

/** The parts of the images and their sizes, as a table in Markdown. */
function toSizeTable(base: Image, images: Readonly<Record<string, Image>>): string {
  const rows = Object.entries(images).map(([name, { entries }]) => {
    const sizes: Record<string, { files: number; bytes: number }> = {};
    for (const [path, stats] of entries) {
      const part = (sizes[toPart(path, base)] ??= { files: 0, bytes: 0 });
      if (!stats.isFile()) continue;
      part.files += 1;
      part.bytes += stats.size;
    }
    const total = Object.values(sizes).reduce((sum, { bytes }) => sum + bytes, 0);
    const cells = COLUMNS.map((part) => `${toMegabytes(sizes[part]?.bytes ?? 0)} (${sizes[part]?.files ?? 0})`);
    return [`\`${name}\``, ...cells, toMegabytes(total)];
  });
  const header = ['image', ...COLUMNS.map((part) => `${part}, MB (files)`), 'total, MB'];
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function toPart(path: string, base: Image): (typeof COLUMNS)[number] {
  if (base.entries.has(path)) return 'base';
  if (path.startsWith('app/node_modules')) return 'modules';
  return path.startsWith('app/dist/apps/') ? 'app' : 'libraries';
}

function toMegabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
