import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LEAST_NODE } from '#shared/process/check-node';

const { engines, scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  engines: { node: string };
  scripts: Record<string, string>;
};
const folder = mkdtempSync(join(tmpdir(), 'audit-query-node-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a process on another version of Node prints, as far as that version is asked for. */
async function runAs(version: string, args: string[]): Promise<{ code: unknown; stderr: string }> {
  const preload = join(folder, 'version.cjs');
  writeFileSync(preload, `Object.defineProperty(process.versions, 'node', { value: '${version}' });`);
  return new Promise((resolve) => {
    execFile(process.execPath, ['--require', preload, ...args], (error, _, stderr) =>
      resolve({ code: error?.code ?? 0, stderr }),
    );
  });
}

describe('a Node that is too old', () => {
  it('is below what package.json demands', () => {
    expect(engines.node).toBe(`>=${LEAST_NODE.join('.')}`);
  });

  it.each(['start', 'test'])('is refused before anything else by npm %s', async (script) => {
    const checks = scripts[script]?.match(/--require (\S+)/)?.[1] ?? '';
    for (const version of ['0.10.48', '18.20.8', '20.18.3']) {
      expect(await runAs(version, [checks])).toEqual({
        code: 1,
        stderr: expect.stringContaining('Audit Query needs Node 20.19 or later; this is') as string,
      });
    }
    for (const version of ['20.19.0', '22.0.0', '24.1.0']) expect((await runAs(version, [checks])).code).toBe(0);
  });

  it.each(['api', 'worker', 'cli'])('is refused before anything else by apps/%s', async (app) => {
    const main = `dist/apps/${app}/src/main.js`;
    expect(await runAs('18.20.8', [main])).toEqual({
      code: 1,
      stderr: `Audit Query needs Node 20.19 or later; this is ${process.version}.\n`,
    });
    // Imports are loaded in their order, and nothing that is loaded before may miss anything.
    expect(readFileSync(main, 'utf8').match(/require\("(.*?)"\)/)?.[1]).toBe('#shared/process/check-node');
  });
});

describe('npm', () => {
  it('prints no warning that is known, such as of an engine', () => {
    expect(readFileSync('.npmrc', 'utf8')).toMatch(/^loglevel=error$/m);
  });
});
