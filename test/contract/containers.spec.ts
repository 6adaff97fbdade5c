import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ApiConfig } from '#shared/config/api-config';
import { parseConfig } from '#shared/config/parse-config';
import { WorkerConfig } from '#shared/config/worker-config';
import { brokenRules, type Rules } from '../support/broken-rules';
import { type ComposeFile, parseComposeFile } from '../support/compose-file';

// What matters of the container files and no linter checks. Each rule is a sentence; a broken copy of the real file
// shows for each that it can fail.

const ROOT = join(__dirname, '../..');
const readText = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const isExecForm = (argument: string): boolean => /^\["node", ".+"\]$/.test(argument);

/** The argument of each instruction with this keyword, in the order of the file. */
type Stage = (keyword: string) => string[];

/** A Dockerfile's stages, each from its FROM on; comments dropped, continued lines joined. */
function parseStages(text: string): Stage[] {
  const lines = text.replace(/^#.*\n/gm, '').replace(/\\\n\s*/g, '');
  return lines.split(/^(?=FROM )/m).map((stage) => (keyword) => {
    return [...stage.matchAll(new RegExp(`^${keyword} (.+)$`, 'gm'))].map(([, argument]) => argument ?? '');
  });
}

const dockerfileRules: Rules<Stage[]> = {
  'builds, installs and runs in a stage each': (stages) => stages.length === 3,
  'is of one exact Node 24 throughout': (stages) => {
    const images = stages.flatMap((stage) => stage('FROM')).map((from) => from.split(' ')[0] ?? '');
    return new Set(images).size === 1 && /^node:24\.\d+\.\d+-bookworm-slim$/.test(images[0] ?? '');
  },
  'ships only production modules': ([, dependencies, final]) =>
    dependencies?.('RUN').join().startsWith('npm ci --omit=dev --omit=optional --ignore-scripts && ') === true &&
    final?.('RUN').length === 0 &&
    final('COPY').includes('--from=dependencies /app/node_modules node_modules'),
  'does not run as root': ([, , final]) => /^[1-9]\d*$/.test(final?.('USER').at(-1) ?? ''),
  'starts node itself': ([, , final]) => isExecForm(final?.('CMD').join() ?? '') && final?.('ENTRYPOINT').length === 0,
  'says how its health is known': ([, , final]) =>
    final?.('HEALTHCHECK').some((check) => check === 'NONE' || isExecForm(check.replace(/^.* CMD /, ''))) === true,
};

describe('the Dockerfiles', () => {
  const apps = ['api', 'worker', 'local'] as const;
  const dockerfiles = apps.map((app) => [app, readText(`apps/${app}/Dockerfile`)] as const);
  const [[, apiDockerfile], [, workerDockerfile]] = dockerfiles as [[string, string], [string, string]];

  it.each(dockerfiles)('%s keeps every rule', (_app, text) => {
    expect(brokenRules(dockerfileRules, parseStages(text))).toEqual([]);
  });

  it.each(dockerfiles)('%s starts a program that the build makes', (app, text) => {
    const [, program] = /^CMD \["node", "dist\/(.+)\.js"\]$/m.exec(text) ?? [];
    expect(program).toMatch(new RegExp(`^apps/${app}/src/`));
    expect(existsSync(join(ROOT, `${program}.ts`)), `${program}.ts`).toBe(true);
  });

  it.each([
    ['builds, installs and runs in a stage each', /^FROM .* AS dependencies$/m, ''],
    ['is of one exact Node 24 throughout', /24\.\d+\.\d+(?=\S+ AS build)/, '24'],
    ['ships only production modules', 'npm ci --omit=dev', 'npm ci'],
    ['ships only production modules', ' --omit=optional', ''],
    ['does not run as root', 'USER 1000', 'USER 0'],
    ['does not run as root', 'USER 1000', 'USER root'],
    ['does not run as root', 'USER 1000\n', ''],
    ['starts node itself', /^CMD .*$/m, 'CMD npm start'],
    ['starts node itself', /^CMD .*$/m, 'CMD ["npm", "start"]'],
    ['says how its health is known', /^HEALTHCHECK[^]*?process.exit.*\n/m, ''],
  ])('a Dockerfile that breaks "%s" is found (%s)', (rule, part, replacement) => {
    expect(brokenRules(dockerfileRules, parseStages(apiDockerfile.replace(part, replacement)))).toContain(rule);
  });

  it.each([
    ['api', apiDockerfile, 'PORT'],
    ['worker', workerDockerfile, 'HEALTH_PORT'],
  ])('%s is asked for its health where it listens', (_app, text, port) => {
    expect(text).toContain(`fetch('http://127.0.0.1:' + process.env.${port} + '/health/live')`);
  });

  it('are the same, byte for byte, above the COPY of the app', () => {
    const [api, ...others] = dockerfiles.map(([, text]) => text.split('COPY --from=build /app/dist/apps/')[0]);
    expect(api).toContain('COPY --from=dependencies');
    for (const other of others) expect(other).toBe(api);
  });
});

const composeRules: Rules<ComposeFile> = {
  'Redis evicts nothing': ({ services }) =>
    / --maxmemory-policy noeviction\b/.test(services.redis.command?.join(' ') ?? ''),
  'Redis keeps an append-only file': ({ services }) =>
    / --appendonly yes\b/.test(services.redis.command?.join(' ') ?? ''),
  'workers can be many': ({ services: { worker } }) =>
    worker.container_name === undefined && worker.ports === undefined,
  'workers start on sample data and a healthy Redis': ({ services: { worker } }) =>
    worker.depends_on?.['sample-data']?.condition === 'service_completed_successfully' &&
    worker.depends_on['redis']?.condition === 'service_healthy',
  'only this machine reaches a port': ({ services }) =>
    Object.values(services).every(({ ports = [] }) => ports.every((port) => port.startsWith('127.0.0.1:'))),
  'nobody is root, has a capability or writes to its image': ({ services }) =>
    Object.values(services).every(
      ({ image, user, cap_drop, read_only }) =>
        (image === undefined || user !== undefined) && cap_drop?.join() === 'ALL' && read_only === true,
    ),
  'a process may take its own grace period': ({ services: { api, worker } }) =>
    [api, worker].every(
      ({ stop_grace_period, environment }) =>
        Number.parseInt(stop_grace_period ?? '10s') > Number(environment?.['SHUTDOWN_GRACE_SECONDS']),
    ),
};

describe('docker-compose.yml', () => {
  const text = readText('docker-compose.yml');
  const { services } = parseComposeFile(text);

  it('keeps every rule', () => {
    expect(brokenRules(composeRules, parseComposeFile(text))).toEqual([]);
  });

  it.each([
    ['Redis evicts nothing', 'noeviction', 'allkeys-lru'],
    ['Redis keeps an append-only file', "--appendonly, 'yes'", "--appendonly, 'no'"],
    ['workers can be many', /^ {2}worker:$/m, '  worker:\n    container_name: worker'],
    ['workers can be many', /^ {2}worker:$/m, "  worker:\n    ports: ['127.0.0.1:3002:3002']"],
    ['workers start on sample data and a healthy Redis', 'service_completed_successfully', 'service_started'],
    ['only this machine reaches a port', '127.0.0.1:${OPERATOR_PORT:-3001}', '${OPERATOR_PORT:-3001}'],
    ['nobody is root, has a capability or writes to its image', '    user: redis\n', ''],
    ['nobody is root, has a capability or writes to its image', 'cap_drop: [ALL]', 'cap_drop: [NET_RAW]'],
    ['nobody is root, has a capability or writes to its image', 'read_only: true', 'read_only: false'],
    ['a process may take its own grace period', 'stop_grace_period: 30s', 'stop_grace_period: 25s'],
  ])('a file that breaks "%s" is found (%s)', (rule, part, replacement) => {
    expect(brokenRules(composeRules, parseComposeFile(text.replace(part, replacement)))).toEqual([rule]);
  });

  it('sets only variables that .env.example explains', () => {
    const known = new Set([...readText('.env.example').matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name));
    const images = ['api', 'worker', 'local'].flatMap((app) =>
      parseStages(readText(`apps/${app}/Dockerfile`))[2]?.('ENV'),
    );
    const inImages = [...images.join(' ').matchAll(/([A-Z_]+)=/g)].map(([, name]) => name);
    const inServices = Object.values(services).flatMap(({ environment = {} }) => Object.keys(environment));
    expect([...inImages, ...inServices].filter((name) => !known.has(name))).toEqual([]);
  });

  it('configures the api as the api accepts it', () => {
    const config = parseConfig(ApiConfig, services.api.environment ?? {});
    const { nodeEnv, host, operatorHost, publicBaseUrl, redisUrl } = config;
    expect({ nodeEnv, host, operatorHost, publicBaseUrl, redisUrl }).toEqual({
      nodeEnv: 'development',
      host: '0.0.0.0',
      operatorHost: '127.0.0.1',
      publicBaseUrl: 'http://127.0.0.1:3000',
      redisUrl: 'redis://redis:6379',
    });
  });

  it('lets operators in with a list of keys, which the api reads where it is mounted', () => {
    const { api } = parseComposeFile(text, { OPERATOR_KEYS_FILE: './keys.json' }).services;
    const { operatorHost, operatorAuth, operatorKeysFile } = parseConfig(ApiConfig, api.environment ?? {});
    expect({ operatorHost, operatorAuth }).toEqual({ operatorHost: '0.0.0.0', operatorAuth: 'basic' });
    expect(api.volumes).toEqual([{ type: 'bind', source: './keys.json', target: operatorKeysFile, read_only: true }]);
  });

  it('configures the worker as the worker accepts it, with the table that the sample data is in', () => {
    const environment = services.worker.environment ?? {};
    expect(parseConfig(WorkerConfig, environment).nodeEnv).toBe('development');
    expect(environment).toMatchObject({ ...services['sample-data'].environment });
  });
});
