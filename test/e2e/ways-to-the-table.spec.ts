import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
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
const DAY = '2021-10-12';
const ENTITIES = generateSampleData().filter(({ partitionKey }) => partitionKey === DAY);

let azurite: Azurite;
let identity: IdentityEndpoint;
let vault: KeyVaultDouble;
let otherVault: KeyVaultDouble;
let settings: AppConfigurationDouble;
let api: PublicListener;
let common: Record<string, string>;
let worker: ServiceProcess | undefined;

// Everything over https and with tokens, as in Azure: the process is one of production.
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

/** What a worker over `env` counts. */
async function count(env: Record<string, string>): Promise<unknown> {
  worker = await startWorker({ ...common, ...identity.env, ...env });
  await waitUntilReady(worker);
  const answer = await followLocation(`${api.url}/api/queries`, toSubmission({ start: DAY, end: DAY }));
  return ((await answer.json()) as { result: { entitiesRead: number } | null }).result?.entitiesRead;
}

const EXPECTED = ENTITIES.filter(({ CertNumber }) => CertNumber).length;

describe('a worker reaches the table', () => {
  it('by an identity, in production, with no secret of the table at all', async () => {
    const { port } = new URL(/TableEndpoint=([^;]+)/.exec(azurite.connectionString)?.[1] ?? '');
    const env = {
      NODE_ENV: 'production',
      TABLE_ACCOUNT_URL: `https://127.0.0.1:${port}/devstoreaccount1/`,
      // What a way before it makes unnecessary is not looked at.
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

describe('a worker of production', () => {
  it('trusts no vault of another domain than its challenge names, though it is on loopback', async () => {
    vault.set('storage-account-connection-string', azurite.connectionString);
    vault.set('identifier-hash-key', HASH_KEY);
    worker = await startWorker({ ...common, ...identity.env, NODE_ENV: 'production', KEY_VAULT_URL: vault.url });
    const { url } = worker;
    const { missing } = await waitUntil(
      'the vault to be refused',
      async () => (await (await fetch(`${url}/health/ready`)).json()) as { missing?: string[] },
      (health) => health.missing?.length === 2,
    );
    for (const problem of missing ?? []) expect(problem).toMatch(/^SECRET_DENIED: .*does not match/);
    expect(vault.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  it.each([
    [{ TABLE_CONNECTION_STRING: 'AccountName=a;AccountKey=c2VjcmV0LWNhbmFyeQ==' }, 'TABLE_CONNECTION_STRING must come'],
    [{ KEY_VAULT_URL: 'http://127.0.0.1:1' }, 'KEY_VAULT_URL must be a URL that begins with https://'],
    [{ KEY_VAULT_URL: 'https://a.example', AZURE_TOKEN_CREDENTIALS: 'canary' }, 'AZURE_TOKEN_CREDENTIALS must be prod'],
  ])('does not start with a configuration that it cannot use, and says what to change: %o', async (env, said) => {
    const ended = await startWorker({ ...common, NODE_ENV: 'production', ...env }).catch(String);
    expect(ended).toContain('ended with 1');
    expect(ended).toContain(said);
    expect(ended).not.toMatch(/canary|c2VjcmV0/);
  });
});
