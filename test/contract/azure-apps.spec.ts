import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ApiConfig } from '#shared/config/api-config';
import { parseConfig, toVariableName } from '#shared/config/parse-config';
import { WorkerConfig } from '#shared/config/worker-config';
import { toHashKeySource, toTableSource } from '#shared/config/secret-sources';
import { type ContainerApp, DEPLOYED, readContainerApp, toEnvironment } from '../support/bicep/container-app';
import { brokenRules, type Rules } from '../support/broken-rules';

// The two container apps as Azure would get them, held against what the processes accept.

const API = readFileSync('infra/api.bicep', 'utf8');
const WORKER = readFileSync('infra/worker.bicep', 'utf8');
const SECRETS = { 'redis-url': 'rediss://:key%3D@redis-test.westeurope.redis.azure.net:10000' };

/** Not the service's own: @azure/identity reads them. */
const OF_LIBRARIES = ['AZURE_CLIENT_ID', 'AZURE_TOKEN_CREDENTIALS'];

const DEFAULT_IS_RIGHT = 'what it is anywhere';
const PLAIN = 'a secret in plain text';

/** Why a variable of the configuration is not set there. */
const KEEPS_DEFAULT = {
  both: {
    LOG_LEVEL: DEFAULT_IS_RIGHT,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'OTEL_EXPORTER_OTLP_ENDPOINT is enough',
    REDIS_TLS_CA_FILE: 'an authority that Node trusts',
    RESULT_TTL_SECONDS: DEFAULT_IS_RIGHT,
    SECRET_REFRESH_SECONDS: DEFAULT_IS_RIGHT,
  },
  api: {
    OPERATOR_KEYS_FILE: 'the vault has the list',
    API_KEYS_FILE: 'the vault has the list',
    BOARD_READ_ONLY: 'nobody throws jobs away by a click',
    ALLOW_ANONYMOUS: 'the app is on the Internet',
    ENTRA_AUTHORITY: 'the public cloud',
    MAX_RANGE_DAYS: DEFAULT_IS_RIGHT,
    MAX_WAIT_SECONDS: 'below the 240 seconds of the ingress',
    SUBMISSIONS_PER_MINUTE: DEFAULT_IS_RIGHT,
    LIVE_QUERIES_PER_CALLER: DEFAULT_IS_RIGHT,
    POLLS_PER_MINUTE: DEFAULT_IS_RIGHT,
    REQUESTS_PER_MINUTE: DEFAULT_IS_RIGHT,
    EVENT_STREAMS_PER_CALLER: DEFAULT_IS_RIGHT,
    MAX_CONNECTIONS: DEFAULT_IS_RIGHT,
  },
  worker: {
    TABLE_CONNECTION_STRING_SECRET: 'App Configuration says which secret it is',
    TABLE_CONNECTION_STRING: PLAIN,
    IDENTIFIER_HASH_KEY_SECRET: 'the name under which it is seeded',
    IDENTIFIER_HASH_KEY: PLAIN,
    ALLOW_PLAIN_SECRETS: PLAIN,
    SCAN_CONCURRENCY: DEFAULT_IS_RIGHT,
    PAGE_TIMEOUT_SECONDS: DEFAULT_IS_RIGHT,
    PAGE_RETRY_SECONDS: DEFAULT_IS_RIGHT,
    QUERY_TIME_LIMIT_SECONDS: DEFAULT_IS_RIGHT,
    DAY_SET_TTL_SECONDS: DEFAULT_IS_RIGHT,
    LOCK_SECONDS: DEFAULT_IS_RIGHT,
  },
};

interface Apps {
  readonly api: ContainerApp;
  readonly worker: ContainerApp;
}

const readApps = async (api = API, worker = WORKER): Promise<Apps> => ({
  api: await readContainerApp(api),
  worker: await readContainerApp(worker),
});

const both = ({ api, worker }: Apps, holds: (app: ContainerApp) => boolean): boolean => [api, worker].every(holds);
const variables = (type: new () => object) => Object.keys(new type()).map(toVariableName);
const sorted = (names: Iterable<string>) => [...names].sort().join();

/** Probes as `type path port`. */
const listProbes = ({ properties }: ContainerApp) =>
  properties.template.containers[0].probes.map(({ type, httpGet }) => `${type} ${httpGet.path} ${httpGet.port}`).sort();

const PROBES = (port: number) => [
  `Liveness /health/live ${port}`,
  `Readiness /health/ready ${port}`,
  `Startup /health/live ${port}`,
];

const appRules: Rules<Apps> = {
  'sets every variable of the configuration, or has a reason not to, and no other': ({ api, worker }) =>
    (
      [
        [api, ApiConfig, KEEPS_DEFAULT.api],
        [worker, WorkerConfig, KEEPS_DEFAULT.worker],
      ] as const
    ).every(([app, type, reasons]) => {
      const set = Object.keys(toEnvironment(app));
      const known = [...variables(type), ...OF_LIBRARIES];
      return sorted([...set, ...Object.keys({ ...KEEPS_DEFAULT.both, ...reasons })]) === sorted(known);
    }),
  'lets callers in from outside by TLS, and operators from inside alone': ({ api }) => {
    const { ingress } = api.properties.configuration;
    const { port, operatorPort } = parseConfig(ApiConfig, toEnvironment(api, SECRETS));
    return (
      ingress?.external === true &&
      !ingress.allowInsecure &&
      ingress.targetPort === port &&
      JSON.stringify(ingress.additionalPortMappings) ===
        JSON.stringify([{ external: false, targetPort: operatorPort, exposedPort: operatorPort }])
    );
  },
  'lets nobody call a worker': ({ worker }) => worker.properties.configuration.ingress === undefined,
  'probes where the processes answer': ({ api, worker }) =>
    listProbes(api).join() === PROBES(parseConfig(ApiConfig, toEnvironment(api, SECRETS)).port).join() &&
    listProbes(worker).join() === PROBES(Number(toEnvironment(worker)['HEALTH_PORT'])).join(),
  'gives a process longer than it takes for itself': (apps) =>
    both(
      apps,
      (app) =>
        app.properties.template.terminationGracePeriodSeconds > Number(toEnvironment(app)['SHUTDOWN_GRACE_SECONDS']),
    ),
  'has secrets from the vault alone, by the identity of the app': (apps) =>
    both(apps, ({ properties: { configuration }, identity }) =>
      configuration.secrets.every(
        ({ value, keyVaultUrl, identity: by }) =>
          value === undefined &&
          keyVaultUrl?.startsWith(`${DEPLOYED.keyVaultUrl}secrets/`) &&
          identity.userAssignedIdentities[by ?? ''] !== undefined,
      ),
    ),
  'puts the URL of Redis nowhere but in a secret': (apps) =>
    both(apps, ({ properties: { configuration, template } }) => {
      const redis = template.containers[0].env.find(({ name }) => name === 'REDIS_URL');
      return redis?.value === undefined && configuration.secrets.some(({ name }) => name === redis?.secretRef);
    }),
  'pulls images by the identity of the app': (apps) =>
    both(apps, ({ properties, identity }) =>
      properties.configuration.registries.every(
        ({ identity: by, passwordSecretRef }) =>
          passwordSecretRef === undefined && identity.userAssignedIdentities[by ?? ''] !== undefined,
      ),
    ),
  'gives both apps one prefix of keys': ({ api, worker }) =>
    toEnvironment(api)['KEY_PREFIX'] === toEnvironment(worker)['KEY_PREFIX'],
  'is found by azd': ({ api, worker }) =>
    api.tags['azd-service-name'] === 'api' && worker.tags['azd-service-name'] === 'worker',
  'tells the API the address that callers know': ({ api }) =>
    parseConfig(ApiConfig, toEnvironment(api, SECRETS)).publicBaseUrl ===
    `https://${api.name}.${DEPLOYED.environmentDefaultDomain}`,
  'has an API always and workers when there is work': ({ api, worker }) =>
    api.properties.template.scale.minReplicas >= 1 && worker.properties.template.scale.minReplicas === 0,
};

describe('the container apps', () => {
  let apps: Apps;
  beforeAll(async () => {
    apps = await readApps();
  });

  it('keep every rule', () => {
    expect(brokenRules(appRules, apps)).toEqual([]);
  });

  const SETS = 'sets every variable of the configuration, or has a reason not to, and no other';
  it.each<[string, 'api' | 'worker', string | RegExp, string]>([
    [SETS, 'api', "{ name: 'LOG_FORMAT', value: 'json' }", ''],
    [SETS, 'worker', "{ name: 'LOG_FORMAT', value: 'json' }", "{ name: 'LOG_FROMAT', value: 'json' }"],
    [SETS, 'worker', "{ name: 'LOG_FORMAT', value: 'json' }", "{ name: 'LOG_FORMAT' }\n{ name: 'LOCK_SECONDS' }"],
    [
      'lets callers in from outside by TLS, and operators from inside alone',
      'api',
      'external: true',
      'external: false',
    ],
    [
      'lets callers in from outside by TLS, and operators from inside alone',
      'api',
      '[{ external: false',
      '[{ external: true',
    ],
    [
      'lets callers in from outside by TLS, and operators from inside alone',
      'api',
      'targetPort: port',
      'targetPort: 80',
    ],
    [
      'lets callers in from outside by TLS, and operators from inside alone',
      'api',
      'Insecure: false',
      'Insecure: true',
    ],
    ['lets nobody call a worker', 'worker', 'configuration: {', 'configuration: {\ningress: { external: false }\n'],
    [
      'probes where the processes answer',
      'api',
      "'Liveness', httpGet: { path: '/health/live'",
      "'Liveness', httpGet: { path: '/health/ready'",
    ],
    [
      'probes where the processes answer',
      'worker',
      "path: '/health/ready', port: healthPort",
      "path: '/health/ready', port: 3000",
    ],
    ['probes where the processes answer', 'api', /\{ type: 'Startup'.*/, ''],
    ['gives a process longer than it takes for itself', 'worker', 'Seconds + 5', 'Seconds + 0'],
    [
      'has secrets from the vault alone, by the identity of the app',
      'api',
      /keyVaultUrl: '[^']+redis-url'/,
      "value: 'x'",
    ],
    [
      'has secrets from the vault alone, by the identity of the app',
      'worker',
      "redis-password', identity: identityId",
      "redis-password', identity: 'other'",
    ],
    ['puts the URL of Redis nowhere but in a secret', 'worker', "secretRef: 'redis-url'", "value: 'rediss://x'"],
    ['puts the URL of Redis nowhere but in a secret', 'api', "secretRef: 'redis-url'", "secretRef: 'redis'"],
    [
      'pulls images by the identity of the app',
      'api',
      'registryEndpoint, identity: identityId',
      "registryEndpoint, passwordSecretRef: 'x'",
    ],
    ['gives both apps one prefix of keys', 'worker', "'{audit-query}'", "'{audit}'"],
    ['is found by azd', 'worker', "'azd-service-name': 'worker'", "'azd-service-name': 'api'"],
    ['tells the API the address that callers know', 'api', "ownUrl = 'https://${appName}", "ownUrl = 'https://web"],
    ['has an API always and workers when there is work', 'worker', 'minReplicas: 0', 'minReplicas: 1'],
  ])('that break "%s" are found (%s, %s)', async (rule, app, part, replacement) => {
    const text = { api: API, worker: WORKER };
    expect(text[app]).toMatch(part);
    const broken = { ...text, [app]: text[app].replace(part, replacement) };
    expect(brokenRules(appRules, await readApps(broken.api, broken.worker))).toEqual([rule]);
  });

  it.each<[string, object, object]>([
    [
      'keys for both',
      {},
      { authMode: 'api-key', apiKeysSecret: 'api-keys', operatorAuth: 'basic', operatorKeysSecret: 'operator-keys' },
    ],
    [
      'a tenant for both',
      {
        ...{ authMode: 'entra', operatorAuth: 'entra', entraTenantId: 'a3b5e1b0-21c8-4e58-9a0b-6a6e0a2b7f11' },
        ...{ entraAudience: 'a', entraRequiredRole: 'Queries.Submit', operatorRequiredRole: 'Operators' },
      },
      { authMode: 'entra', apiKeysSecret: undefined, operatorAuth: 'entra', operatorKeysSecret: undefined },
    ],
  ])('configure the api as the api accepts it, with %s', async (_name, given, expected) => {
    const api = await readContainerApp(API, given);
    const config = parseConfig(ApiConfig, toEnvironment(api, SECRETS));
    expect(config).toMatchObject({ nodeEnv: 'production', redisUrl: SECRETS['redis-url'], ...expected });
    expect(config).toMatchObject({ operatorHost: '0.0.0.0', assumeNoeviction: true, keyPrefix: '{audit-query}' });
    expect(config.maxWaitSeconds).toBeLessThan(240);
  });

  it('tell the api the address of a gateway where there is one', async () => {
    const publicBaseUrl = 'https://gateway.example/audit';
    const api = await readContainerApp(API, { publicBaseUrl });
    expect(parseConfig(ApiConfig, toEnvironment(api, SECRETS))).toMatchObject({ publicBaseUrl });
  });

  it.each<[string, object, object]>([
    ['its identity', {}, { kind: 'identity', accountUrl: DEPLOYED.tableAccountUrl }],
    [
      'App Configuration',
      { tableAccountUrl: '', appConfigEndpoint: 'https://appcs-test.azconfig.io' },
      {
        kind: 'app-configuration',
        endpoint: 'https://appcs-test.azconfig.io',
        key: 'storage-account-connection-string',
        label: 'async-http-api',
      },
    ],
  ])(
    'configure the worker as the worker accepts it, with %s for the table and the vault for the key',
    async (_name, given, source) => {
      const config = parseConfig(WorkerConfig, toEnvironment(await readContainerApp(WORKER, given), SECRETS));
      expect(config).toMatchObject({ nodeEnv: 'production', healthHost: '0.0.0.0', assumeNoeviction: true });
      expect(toTableSource(config)).toEqual(source);
      expect(toHashKeySource(config)).toEqual({
        kind: 'key-vault',
        vaultUrl: new URL(DEPLOYED.keyVaultUrl).origin,
        name: 'identifier-hash-key',
      });
    },
  );
});
