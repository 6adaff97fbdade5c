import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Manifest {
  license: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
}

const readJson = <T>(path: string) => JSON.parse(readFileSync(path, 'utf8')) as T;
const manifest = readJson<Manifest>('package.json');
const direct = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });

describe('the dependencies', () => {
  it('stand in docs/design.md, each with its licence and a reason, and no other', () => {
    const rows = [
      ...readFileSync('docs/design.md', 'utf8').matchAll(/^\| `([@a-z][^`]*)` +\| ([A-Z][\w.-]*) +\| (\S.*\S) +\|$/gm),
    ];
    const listed = rows.map(([, name, licence, reason]) => [name, licence, reason !== undefined]);
    const expected = direct.map((name) => [
      name,
      readJson<Manifest>(`node_modules/${name}/package.json`).license,
      true,
    ]);
    expect(listed).toEqual(expected);
  });

  it('are pinned to one version each', () => {
    const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  it('run nothing when they are installed', () => {
    const { packages } = readJson<{ packages: Record<string, { hasInstallScript?: boolean }> }>('package-lock.json');
    const withScript = Object.entries(packages)
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.replace(/^.*node_modules\//, ''));
    expect(withScript.length).toBeGreaterThan(0);
    expect(withScript.filter((name) => manifest.allowScripts[name] !== false)).toEqual([]);
  });
});
