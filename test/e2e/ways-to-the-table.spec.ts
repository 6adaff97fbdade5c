import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AzureNamedKeyCredential,
  generateAccountSas,
  generateTableSas,
  type TableSasSignatureValues,
} from '@azure/data-tables';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { type Azurite, startAzurite } from '../../apps/local/src/azurite';
import { connectTable, loadTable } from '../../apps/local/src/load-table';
import { generateSampleData } from '../../apps/local/src/sample-data';
import { type AppConfigurationDouble, startAppConfiguration } from '../support/azure/app-configuration-double';
import { type IdentityEndpoint, startIdentityEndpoint } from '../support/azure/identity-endpoint';
import { type KeyVaultDouble, startKeyVault } from '../support/azure/key-vault-double';
import { followLocation, toSubmission } from '../support/conversation';
import { type PublicListener, startPublicListener } from '../support/public-listener';
import { type ServiceProcess, startWorker, waitUntilReady } from '../support/service-processes';
import { waitUntil } from '../support/wait-until';

const HASH_KEY = randomBytes(32).toString('hex');
const AZURE = 'DefaultEndpointsProtocol=https;AccountName=a;EndpointSuffix=core.windows.net';
const DAY = '2021-10-12';
const DAY_MS = 24 * 3_600_000;
const ENTITIES = generateSampleData().filter(({ partitionKey }) => partitionKey === DAY);

let azurite: Azurite;
let identity: IdentityEndpoint;
let vault: KeyVaultDouble;
let otherVault: KeyVaultDouble;
let settings: AppConfigurationDouble;
let api: PublicListener;
let common: Record<string, string>;
let worker: ServiceProcess | undefined;

// All services over https and with tokens, as in Azure: NODE_ENV is production.
beforeAll(async () => {
  const tls = inject('testAuthority');
  azurite = await startAzurite({ tls });
  await loadTable(connectTable(azurite.connectionString, 'audit'), ENTITIES);
});
afterAll(() => azurite.stop());

beforeEach(async () => {
  const tls = inject('testAuthority');
  identity = await startIdentityEndpoint();
  [vault, otherVault, settings] = await Promise.all([
    startKeyVault({}, tls),
    startKeyVault({}, tls),
    startAppConfiguration(tls),
  ]);
  common = { REDIS_URL: inject('redisUrl'), KEY_PREFIX: `{t-${randomUUID()}}` };
  api = await startPublicListener(common['REDIS_URL'] ?? '', common);
  worker = undefined;
});

afterEach(async () => {
  await worker?.end();
  await Promise.all([identity, vault, otherVault, settings, api].map((one) => one.stop()));
});

/** Starts a worker with `env`. @returns The entities that its query reads. */
async function count(env: Record<string, string>): Promise<unknown> {
  worker = await startWorker({ ...common, ...identity.env, ...env });
  await waitUntilReady(worker);
  const answer = await followLocation(`${api.url}/api/queries`, toSubmission({ start: DAY, end: DAY }));
  return ((await answer.json()) as { result: { entitiesRead: number } | null }).result?.entitiesRead;
}

const EXPECTED = ENTITIES.filter(({ CertNumber }) => CertNumber).length;

describe('a worker reaches the table', () => {
  it('by an identity, in production, without a secret of the table', async () => {
    const { port } = new URL(/TableEndpoint=([^;]+)/.exec(azurite.connectionString)?.[1] ?? '');
    const env = {
      NODE_ENV: 'production',
      TABLE_ACCOUNT_URL: `https://127.0.0.1:${port}/devstoreaccount1/`,
      // Ignored, since TABLE_ACCOUNT_URL has precedence.
      TABLE_CONNECTION_STRING: 'nothing',
      IDENTIFIER_HASH_KEY: HASH_KEY,
      ALLOW_PLAIN_SECRETS: 'true',
    };
    expect(await count(env)).toBe(EXPECTED);
    expect(identity.requests.map(({ path }) => new URL(path, identity.url).searchParams.get('resource'))).toEqual([
      'https://storage.azure.com',
    ]);
  });

  it('by App Configuration, which refers to secrets of two vaults', async () => {
    const version = vault.set('the-table', azurite.connectionString);
    vault.set('the-table', 'not this version');
    otherVault.set('the-hashes', HASH_KEY);
    settings.setReference('storage-account-connection-string', `${vault.url}/secrets/the-table/${version}`);
    settings.setReference('identifier-hash-key', `${otherVault.url}/secrets/the-hashes`);
    expect(await count({ APP_CONFIG_ENDPOINT: settings.url })).toBe(EXPECTED);
  });

  it('by a vault', async () => {
    vault.set('storage-account-connection-string', azurite.connectionString);
    vault.set('identifier-hash-key', HASH_KEY);
    expect(await count({ KEY_VAULT_URL: vault.url })).toBe(EXPECTED);
  });
});

/** A SAS of Azure's library; `values` replace its defaults. */
function toTableSas(values: TableSasSignatureValues = {}): string {
  return generateTableSas('audit', toKeyCredential(), { expiresOn: new Date(Date.now() + DAY_MS), ...values });
}

function toKeyCredential(): AzureNamedKeyCredential {
  return new AzureNamedKeyCredential('devstoreaccount1', readMember('AccountKey'));
}

function readMember(name: string): string {
  return new RegExp(`${name}=([^;]+)`).exec(azurite.connectionString)?.[1] ?? '';
}

/** Routes connections to Azure's table names to Azurite. @returns An option of Node. */
function routeAzureToAzurite(): string {
  const folder = mkdtempSync(join(tmpdir(), 'audit-query-route-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const hook = join(folder, 'route.cjs');
  writeFileSync(
    hook,
    `const tls = require('node:tls');
const { connect } = tls;
tls.connect = (options, ...more) =>
  connect(/[.]table[.]core[.]windows[.]net$/.test(options.host) ? { ...options, host: '127.0.0.1', port: ${azurite.port} } : options, ...more);`,
  );
  return `--require=${hook}`;
}

describe('a worker accepts each form of connection string that the original accepts', () => {
  const key = () => `AccountName=devstoreaccount1;AccountKey=${readMember('AccountKey')}`;
  const endpoint = () => readMember('TableEndpoint');
  const accountSas = () => generateAccountSas(toKeyCredential(), { expiresOn: new Date(Date.now() + DAY_MS) });
  it.each<[string, () => string]>([
    ['complete', () => `DefaultEndpointsProtocol=https;${key()};EndpointSuffix=core.windows.net`],
    ['without EndpointSuffix', () => `DefaultEndpointsProtocol=https;${key()}`],
    ['without DefaultEndpointsProtocol', () => `${key()};EndpointSuffix=core.windows.net`],
    ['name and key', key],
    ['name, key and TableEndpoint', () => `${key()};TableEndpoint=${endpoint()}/`],
    ['a SAS of the account', () => `TableEndpoint=${endpoint()};SharedAccessSignature=${accountSas()}`],
    [
      'a SAS of the table, with its question mark',
      () => `TableEndpoint=${endpoint()};SharedAccessSignature=?${toTableSas()}`,
    ],
    ['a SAS and a name', () => `AccountName=devstoreaccount1;SharedAccessSignature=${accountSas()}`],
    [
      'as the portal writes it, for all services',
      () =>
        'BlobEndpoint=https://devstoreaccount1.blob.core.windows.net/;QueueEndpoint=https://devstoreaccount1.queue.core.windows.net/;' +
        'FileEndpoint=https://devstoreaccount1.file.core.windows.net/;TableEndpoint=https://devstoreaccount1.table.core.windows.net/;' +
        `SharedAccessSignature=${accountSas()}`,
    ],
  ])('%s', async (_name, toText) => {
    const env = {
      NODE_ENV: 'production',
      ALLOW_PLAIN_SECRETS: 'true',
      IDENTIFIER_HASH_KEY: HASH_KEY,
      LOG_LEVEL: 'debug',
      NODE_OPTIONS: routeAzureToAzurite(),
    };
    expect(await count({ ...env, TABLE_CONNECTION_STRING: toText() })).toBe(EXPECTED);
    expect(worker?.output()).not.toMatch(/sig=|expires before/);
  });

  it('with a line end, as of a vault secret that was set from a file', async () => {
    vault.set('storage-account-connection-string', `${azurite.connectionString}\n`);
    vault.set('identifier-hash-key', `${HASH_KEY}\r\n`);
    expect(await count({ KEY_VAULT_URL: vault.url })).toBe(EXPECTED);
  });
});

describe('a SAS that comes from a vault', () => {
  const SECRET = 'storage-account-connection-string';
  const set = (sas: string) =>
    vault.set(SECRET, `TableEndpoint=${readMember('TableEndpoint')};SharedAccessSignature=${sas}`);
  const range = (key: string) => ({ startPartitionKey: key, startRowKey: '', endPartitionKey: key, endRowKey: 'x' });
  const ago = () => new Date(Date.now() - 60_000);
  const cases: [string, () => string, string][] = [
    ['has expired', () => toTableSas({ startsOn: new Date(0), expiresOn: ago() }), 'that has not expired (se)'],
    ['has a range of keys', () => toTableSas(range(DAY)), 'without a range of keys'],
    [
      'is for another table',
      () => generateTableSas('other', toKeyCredential(), {}),
      'for the table of TABLE_NAME (tn)',
    ],
  ];
  beforeEach(() => void vault.set('identifier-hash-key', HASH_KEY));

  it.each(cases)('makes a worker not ready until it is replaced, if it %s', async (_name, toSas, rule) => {
    set(toSas());
    worker = await startWorker({ ...common, ...identity.env, KEY_VAULT_URL: vault.url });
    const { url } = worker;
    const { missing } = await waitUntil(
      'the invalid secret in the readiness',
      async () => (await (await fetch(`${url}/health/ready`)).json()) as { missing?: string[] },
      (health) => health.missing !== undefined,
    );
    expect(missing).toEqual([
      expect.stringMatching(`^SECRET_INVALID: the secret ${SECRET} of ${vault.url} must have a Shar`),
    ]);
    expect(missing?.[0]).toContain(rule);
    set(toTableSas());
    await waitUntilReady(worker);
    expect(worker.output()).not.toContain('sig=');
  });

  it.each(cases)('does not replace the previous secret, if it %s', async (_name, toSas, rule) => {
    set(toTableSas());
    worker = await startWorker({ ...common, ...identity.env, KEY_VAULT_URL: vault.url, SECRET_REFRESH_SECONDS: '1' });
    const started = worker;
    const output = () => started.output();
    await waitUntilReady(worker);
    set(toSas());
    const isLogged = (text: string) => text.includes('SECRET_INVALID') && text.includes(rule);
    await waitUntil('the refusal of the new secret in the log', output, isLogged);
    const answer = await followLocation(`${api.url}/api/queries`, toSubmission({ start: DAY, end: DAY }));
    expect(await answer.json()).toMatchObject({ result: { entitiesRead: EXPECTED } });
    expect(output()).not.toContain('sig=');
  });

  it('is logged as a warning once if it expires before QUERY_TIME_LIMIT_SECONDS', async () => {
    set(toTableSas({ expiresOn: new Date(Date.now() + 600_000) }));
    const env = { KEY_VAULT_URL: vault.url, SECRET_REFRESH_SECONDS: '1', QUERY_TIME_LIMIT_SECONDS: '3600' };
    expect(await count(env)).toBe(EXPECTED);
    const read = vault.requests.length;
    await waitUntil(
      'another read of the secret',
      () => vault.requests.length,
      (requests) => requests > read + 1,
    );
    const warnings = worker?.output().match(/"level":"warn".*expires before QUERY_TIME_LIMIT_SECONDS/g);
    expect(warnings).toHaveLength(1);
  });
});

describe('a worker in production', () => {
  it('does not trust a vault whose challenge names another domain, even on loopback', async () => {
    vault.set('storage-account-connection-string', azurite.connectionString);
    vault.set('identifier-hash-key', HASH_KEY);
    worker = await startWorker({ ...common, ...identity.env, NODE_ENV: 'production', KEY_VAULT_URL: vault.url });
    const { url } = worker;
    const { missing } = await waitUntil(
      'two missing secrets in the readiness',
      async () => (await (await fetch(`${url}/health/ready`)).json()) as { missing?: string[] },
      (health) => health.missing?.length === 2,
    );
    for (const problem of missing ?? []) expect(problem).toMatch(/^SECRET_DENIED: .*does not match/);
    expect(vault.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  it.each([
    [{ TABLE_CONNECTION_STRING: `${AZURE};AccountKey=c2VjcmV0LWNhbmFyeQ==` }, 'TABLE_CONNECTION_STRING must come'],
    [{ KEY_VAULT_URL: 'http://127.0.0.1:1' }, 'KEY_VAULT_URL must be a URL that begins with https://'],
    [{ KEY_VAULT_URL: 'https://a.example', AZURE_TOKEN_CREDENTIALS: 'canary' }, 'AZURE_TOKEN_CREDENTIALS must be prod'],
  ])('does not start with an invalid configuration, and prints what to change: %o', async (env, message) => {
    const ended = await startWorker({ ...common, NODE_ENV: 'production', ...env }).catch(String);
    expect(ended).toContain('ended with 1');
    expect(ended).toContain(message);
    expect(ended).not.toMatch(/canary|c2VjcmV0/);
  });
});
