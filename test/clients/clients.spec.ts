import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { describeError } from '#shared/contract/error-codes';
import { connectTable, loadTable } from '../../apps/local/src/load-table';
import { EXAMPLE_QUERY, generateSampleData } from '../../apps/local/src/sample-data';
import { type ServiceProcess, startApi, startWorker, waitUntilReady } from '../support/service-processes';

/** Versions that run on the oldest Node that package.json allows. */
const GENERATORS = { orval: '7.9.0', '@hey-api/openapi-ts': '0.92.4', kiota: '1.38.0', nswag: '14.7.1' };

const DOCUMENTS = ['openapi.json', 'openapi.operator.json'];

/** Outside of the tree: generated clients are no part of it. */
const folder = mkdtempSync(join(tmpdir(), 'audit-query-clients-'));

const ENV = {
  ...process.env,
  DOTNET_CLI_TELEMETRY_OPTOUT: '1',
  DOTNET_NOLOGO: '1',
  KIOTA_OFFLINE_ENABLED: 'true',
  KIOTA_TUTORIAL_ENABLED: 'false',
};

/** Runs a program; throws with what it printed. */
async function run(program: string, args: string[], cwd = folder): Promise<string> {
  const options = { cwd, env: ENV, maxBuffer: 64_000_000 };
  const { stdout } = await promisify(execFile)(program, args, options).catch((error: unknown) => {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  });
  return stdout;
}

/** A generator from npm, which fetches it. */
function generate(name: 'orval' | '@hey-api/openapi-ts', program: string, args: string[]): Promise<string> {
  // The newest TypeScript, which npm would choose for them, has no API that they could use.
  const packages = [`${name}@${GENERATORS[name]}`, `typescript@${ts.version}`].map((one) => `--package=${one}`);
  return run('npm', ['exec', '--yes', ...packages, '--', program, ...args]);
}

async function compile(file: string): Promise<void> {
  const tsc = resolve('node_modules/typescript/bin/tsc');
  const options = '--noEmit --strict --skipLibCheck --target ES2023 --module preserve --lib ES2023,DOM,DOM.Iterable';
  await run(process.execPath, [tsc, ...options.split(' '), file]);
}

beforeAll(() => {
  // For openapi-fetch.
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(DOCUMENTS)('clients in TypeScript of %s compile', (file) => {
  const document = resolve(file);
  const name = file.replace('.json', '').replace('.', '-');

  it('openapi-typescript and openapi-fetch', async () => {
    const types = `fetch-${name}.d.ts`;
    await run(process.execPath, [resolve('node_modules/openapi-typescript/bin/cli.js'), document, '-o', types]);
    const path = file === 'openapi.json' ? '/api/queries/{id}' : '/operator/queries/{id}';
    const use = `import createClient from 'openapi-fetch';
import type { paths } from './fetch-${name}';
const { data, error } = await createClient<paths>().GET('${path}', { params: { path: { id: '' } } });
export const [status, code] = [data?.status satisfies 'Pending' | string | undefined, error?.code satisfies 'QUERY_NOT_FOUND' | string | undefined];
`;
    writeFileSync(join(folder, `use-${name}.ts`), use);
    await compile(`use-${name}.ts`);
  });

  it('orval', async () => {
    await generate('orval', 'orval', ['--input', document, '--output', `orval-${name}/client.ts`, '--client', 'fetch']);
    await compile(`orval-${name}/client.ts`);
  });

  it('hey-api', async () => {
    await generate('@hey-api/openapi-ts', 'openapi-ts', ['-i', document, '-o', `hey-${name}`, '--no-log-file']);
    await compile(`hey-${name}/index.ts`);
  });
});

const hasDotnet = spawnSync('dotnet', ['--version']).status === 0;
if (!hasDotnet) console.log('There is no dotnet on the PATH: Kiota and NSwag are left out, and counted as skipped.');

describe.skipIf(!hasDotnet)('clients in C# read a result and the code of an error of the service', () => {
  const { start, end, count } = EXAMPLE_QUERY;
  let api: ServiceProcess;
  let worker: ServiceProcess;
  let framework: string;

  beforeAll(async () => {
    const common = { REDIS_URL: inject('redisUrl'), KEY_PREFIX: `{t-${randomUUID()}}` };
    const table = { TABLE_CONNECTION_STRING: inject('tableConnectionString'), TABLE_NAME: 'generatedclients' };
    await loadTable(connectTable(table.TABLE_CONNECTION_STRING, table.TABLE_NAME), generateSampleData());
    [api, worker] = await Promise.all([startApi(common), startWorker({ ...common, ...table })]);
    await Promise.all([waitUntilReady(api), waitUntilReady(worker)]);
    framework = `net${(await run('dotnet', ['--version'])).split('.', 1)[0]}.0`;
  });

  afterAll(async () => {
    expect(await Promise.all([api.end(), worker.end()])).toEqual([0, 0]);
  });

  /** Builds the program of this name with its generated client, and runs it against the service. */
  async function build(name: 'kiota' | 'nswag'): Promise<string[]> {
    await run('dotnet', [
      'build',
      join(folder, name),
      `-p:TargetFramework=${framework}`,
      '-o',
      join(folder, 'bin', name),
    ]);
    return (await run('dotnet', [join(folder, 'bin', name, `${name}.dll`), api.url, start, end])).trim().split('\n');
  }

  async function install(name: 'kiota' | 'nswag', tool: string): Promise<string> {
    await run('dotnet', ['tool', 'install', '--tool-path', join(folder, 'tools'), tool, '--version', GENERATORS[name]]);
    cpSync(resolve('test/clients', name), join(folder, name), { recursive: true });
    return join(folder, 'tools', name);
  }

  it('Kiota', async () => {
    const kiota = await install('kiota', 'Microsoft.OpenApi.Kiota');
    // From the service: the relative address of the server is then that of the service.
    const names = ['-c', 'ServiceClient', '-n', 'AuditQuery', '-o', join(folder, 'kiota/client')];
    await run(kiota, ['generate', '-l', 'CSharp', '-d', `${api.url}/api/openapi.json`, ...names]);
    const [distinct, error] = await build('kiota');
    expect([distinct, error]).toEqual([String(count), `QUERY_NOT_FOUND ${describeError('QUERY_NOT_FOUND')}`]);
    const files = readdirSync(join(folder, 'kiota/client'), { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => file.endsWith('.cs')).length).toBeLessThan(40);
  });

  it('NSwag with System.Text.Json', async () => {
    const nswag = await install('nswag', 'NSwag.ConsoleCore');
    const output = join(folder, 'nswag/Client.cs');
    const names = ['/classname:ServiceClient', '/namespace:AuditQuery', `/output:${output}`];
    const types = ['/jsonlibrary:SystemTextJson', '/dateType:System.DateOnly'];
    await run(nswag, ['openapi2csclient', `/input:${resolve('openapi.json')}`, ...names, ...types]);
    const [distinct, error] = await build('nswag');
    expect([distinct, error]).toEqual([String(count), `QUERY_NOT_FOUND ${describeError('QUERY_NOT_FOUND')}`]);
    expect(readFileSync(output, 'utf8')).not.toMatch(/class Response\d*\b/);
  });
});
