import { describe, expect, it } from 'vitest';
import { ConfigInvalidError, parseConfig } from '#shared/config/parse-config';
import { WorkerConfig } from '#shared/config/worker-config';
import { toHashKeySource, toTableSource } from './secret-sources';

const AZURITE = 'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=http://127.0.0.1:1/a';
const AZURE = 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net';
const SAS = 'TableEndpoint=https://a.example;SharedAccessSignature=sv=1&sp=r&se=2999-01-01&sig=x';
const HASH_KEY = 'k'.repeat(32);
const VAULT = 'https://a.vault.azure.net';
const APP_CONFIG = 'https://a.azconfig.io';
const ACCOUNT = 'https://a.table.core.windows.net';

const PLAIN_REFUSED =
  'must come from a vault when NODE_ENV=production (set KEY_VAULT_URL), unless ALLOW_PLAIN_SECRETS=true is set';
const HASH_KEY_MISSING =
  'IDENTIFIER_HASH_KEY must be given when NODE_ENV=production, ' +
  'best as the secret IDENTIFIER_HASH_KEY_SECRET of KEY_VAULT_URL';

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    parseConfig(WorkerConfig, env);
  } catch (error) {
    if (error instanceof ConfigInvalidError) return error.problems;
    throw error;
  }
  return [];
}

const sourcesOf = (env: Record<string, string>) => {
  const config = parseConfig(WorkerConfig, env);
  return { table: toTableSource(config), hashKey: toHashKeySource(config) };
};

describe('the way to the table', () => {
  const all = {
    TABLE_ACCOUNT_URL: ACCOUNT,
    APP_CONFIG_ENDPOINT: APP_CONFIG,
    KEY_VAULT_URL: VAULT,
    TABLE_CONNECTION_STRING: AZURITE,
    IDENTIFIER_HASH_KEY: HASH_KEY,
  };
  const { TABLE_ACCOUNT_URL: _account, ...withoutAccount } = all;
  const { APP_CONFIG_ENDPOINT: _endpoint, ...withoutEndpoint } = withoutAccount;
  const { KEY_VAULT_URL: _vault, ...plain } = withoutEndpoint;
  const label = 'async-http-api';
  const inVault = { kind: 'key-vault', vaultUrl: VAULT, name: 'identifier-hash-key' };

  it.each<[string, Record<string, string>, object, object]>([
    ['the identity goes before all', all, { kind: 'identity', accountUrl: ACCOUNT }, inVault],
    [
      'then App Configuration',
      withoutAccount,
      { kind: 'app-configuration', endpoint: APP_CONFIG, key: 'storage-account-connection-string', label },
      inVault,
    ],
    [
      'then the vault',
      withoutEndpoint,
      { kind: 'key-vault', vaultUrl: VAULT, name: 'storage-account-connection-string' },
      inVault,
    ],
    ['then the variable', plain, { kind: 'plain', value: AZURITE }, { kind: 'plain', value: HASH_KEY }],
    [
      'App Configuration alone has the hash key too',
      { APP_CONFIG_ENDPOINT: APP_CONFIG },
      { kind: 'app-configuration', endpoint: APP_CONFIG, key: 'storage-account-connection-string', label },
      { kind: 'app-configuration', endpoint: APP_CONFIG, key: 'identifier-hash-key', label },
    ],
    [
      'an identity without a vault leaves the hash key where it is',
      { TABLE_ACCOUNT_URL: ACCOUNT, IDENTIFIER_HASH_KEY: HASH_KEY },
      { kind: 'identity', accountUrl: ACCOUNT },
      { kind: 'plain', value: HASH_KEY },
    ],
    [
      'the secrets have the names that they are given',
      { KEY_VAULT_URL: VAULT, TABLE_CONNECTION_STRING_SECRET: 'table', IDENTIFIER_HASH_KEY_SECRET: 'hashes' },
      { kind: 'key-vault', vaultUrl: VAULT, name: 'table' },
      { kind: 'key-vault', vaultUrl: VAULT, name: 'hashes' },
    ],
  ])('%s', (_name, env, table, hashKey) => {
    expect(sourcesOf(env)).toEqual({ table, hashKey });
  });
});

describe('the address of a service', () => {
  it.each([
    ['KEY_VAULT_URL', 'https://A.vault.azure.net:443/', VAULT],
    ['APP_CONFIG_ENDPOINT', 'https://a.azconfig.io:443', APP_CONFIG],
    // The library knows the cloud, and so whom its token is for, by how this text ends.
    ['APP_CONFIG_ENDPOINT', 'https://a.azconfig.azure.us:443/', 'https://a.azconfig.azure.us'],
  ])('%s=%s is kept as %s', (name, given, kept) => {
    const { keyVaultUrl, appConfigEndpoint } = parseConfig(WorkerConfig, { [name]: given });
    expect(appConfigEndpoint ?? keyVaultUrl).toBe(kept);
  });

  const HOST_ONLY = 'must have nothing but a host: no path, no query, no fragment, no user';
  const ACCOUNT_ONLY =
    "must be the address of an account's table service, such as https://example.table.core.windows.net, " +
    'without a table, a query (a SAS) or a user';
  it.each([
    ['KEY_VAULT_URL', `${VAULT}/secrets/S3CRET`, HOST_ONLY],
    ['KEY_VAULT_URL', `${VAULT}?S3CRET`, HOST_ONLY],
    ['KEY_VAULT_URL', 'https://u:S3CRET@a.vault.azure.net', HOST_ONLY],
    ['APP_CONFIG_ENDPOINT', `${APP_CONFIG}/kv`, HOST_ONLY],
    [
      'APP_CONFIG_ENDPOINT',
      'Endpoint=https://a.azconfig.io;Id=a;Secret=S3CRET',
      'must be a URL that begins with https://',
    ],
    ['TABLE_ACCOUNT_URL', `${ACCOUNT}/audit`, ACCOUNT_ONLY],
    ['TABLE_ACCOUNT_URL', `${ACCOUNT}/?sv=2022-11-02&sig=S3CRET`, ACCOUNT_ONLY],
    ['TABLE_ACCOUNT_URL', 'https://u:S3CRET@a.table.core.windows.net', ACCOUNT_ONLY],
    ['TABLE_ACCOUNT_URL', 'https://a.blob.core.windows.net', ACCOUNT_ONLY],
  ])('%s=%s is refused by name and rule', (name, value, rule) => {
    expect(problemsOf({ [name]: value })).toEqual([`${name} ${rule}`]);
  });
});

describe('in production', () => {
  const production = { NODE_ENV: 'production' };

  it.each<[string, Record<string, string>, string[]]>([
    ['a vault is all that is needed', { KEY_VAULT_URL: VAULT }, []],
    ['App Configuration is all that is needed', { APP_CONFIG_ENDPOINT: APP_CONFIG }, []],
    ['an identity and a vault are', { TABLE_ACCOUNT_URL: ACCOUNT, KEY_VAULT_URL: VAULT }, []],
    ['an identity alone lacks the hash key', { TABLE_ACCOUNT_URL: ACCOUNT }, [HASH_KEY_MISSING]],
    [
      'an identity does not make a plain hash key good',
      { TABLE_ACCOUNT_URL: ACCOUNT, IDENTIFIER_HASH_KEY: HASH_KEY },
      [`IDENTIFIER_HASH_KEY ${PLAIN_REFUSED}`],
    ],
    [
      'plain secrets are refused',
      { TABLE_CONNECTION_STRING: AZURE, IDENTIFIER_HASH_KEY: HASH_KEY },
      [`TABLE_CONNECTION_STRING ${PLAIN_REFUSED}`, `IDENTIFIER_HASH_KEY ${PLAIN_REFUSED}`],
    ],
    [
      'plain secrets are taken when somebody says so',
      { TABLE_CONNECTION_STRING: AZURE, IDENTIFIER_HASH_KEY: HASH_KEY, ALLOW_PLAIN_SECRETS: 'true' },
      [],
    ],
    [
      'the hash key that everybody knows is refused even then',
      { TABLE_CONNECTION_STRING: AZURE, ALLOW_PLAIN_SECRETS: 'true' },
      [HASH_KEY_MISSING],
    ],
    [
      'a vault on loopback needs https too',
      { KEY_VAULT_URL: 'http://127.0.0.1:1' },
      ['KEY_VAULT_URL must be a URL that begins with https://'],
    ],
  ])('%s', (_name, env, problems) => {
    expect(problemsOf({ ...production, ...env })).toEqual(problems);
  });

  it.each([
    'AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net;DefaultEndpointsProtocol=http',
    'DefaultEndpointsProtocol=HTTP;AccountName=a;AccountKey=c2VjcmV0',
    'AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=http://a.example',
    'UseDevelopmentStorage=true',
  ])('plain http is refused however it is put: %s', (text) => {
    const env = { ...production, ALLOW_PLAIN_SECRETS: 'true', IDENTIFIER_HASH_KEY: HASH_KEY };
    expect(problemsOf({ ...env, TABLE_CONNECTION_STRING: text })).toEqual([
      'TABLE_CONNECTION_STRING must use https when NODE_ENV=production',
    ]);
  });
});

describe('the bound on what all workers run', () => {
  const OUT_OF_RANGE = ['MAX_RUNNING_QUERIES must be a whole number from 1 to 10000'];

  it.each<[string | undefined, number | undefined]>([
    [undefined, undefined],
    ['', undefined],
    ['1', 1],
    ['250', 250],
  ])('%j is %j', (text, expected) => {
    const env = { TABLE_CONNECTION_STRING: AZURITE, MAX_RUNNING_QUERIES: text };
    expect(parseConfig(WorkerConfig, env).maxRunningQueries).toBe(expected);
  });

  it.each(['0', '-1', '1.5', 'many', '10001'])('%s is refused', (text) => {
    expect(new Set(problemsOf({ TABLE_CONNECTION_STRING: AZURITE, MAX_RUNNING_QUERIES: text }))).toEqual(
      new Set(OUT_OF_RANGE),
    );
  });
});

describe('on a machine of one’s own', () => {
  it.each<[string, Record<string, string>, string[]]>([
    [
      'one of the four ways must be given',
      {},
      [
        'TABLE_CONNECTION_STRING must be given, or TABLE_ACCOUNT_URL, APP_CONFIG_ENDPOINT or KEY_VAULT_URL in its place',
      ],
    ],
    ['Azurite is enough', { TABLE_CONNECTION_STRING: AZURITE }, []],
    ['a vault may be a stand-in', { KEY_VAULT_URL: 'http://127.0.0.1:1' }, []],
    [
      'a vault elsewhere may not',
      { KEY_VAULT_URL: 'http://a.example' },
      ['KEY_VAULT_URL must be a URL that begins with https://'],
    ],
    [
      'an identity never goes over plain http',
      { TABLE_ACCOUNT_URL: 'http://127.0.0.1:1/a', APP_CONFIG_ENDPOINT: 'http://127.0.0.1:1' },
      [
        'TABLE_ACCOUNT_URL must be a URL that begins with https://',
        'APP_CONFIG_ENDPOINT must be a URL that begins with https://',
      ],
    ],
    [
      'a connection string has a credential',
      { TABLE_CONNECTION_STRING: 'TableEndpoint=https://a.example' },
      [
        'TABLE_CONNECTION_STRING must have AccountName and AccountKey, ' +
          'or SharedAccessSignature and TableEndpoint or AccountName',
      ],
    ],
    [
      'a SAS is for the table that is read',
      { TABLE_CONNECTION_STRING: `${SAS}&tn=audit`, TABLE_NAME: 'another' },
      ['TABLE_CONNECTION_STRING must have a SharedAccessSignature for the table of TABLE_NAME (tn)'],
    ],
    ['a SAS of that table is enough', { TABLE_CONNECTION_STRING: `${SAS}&tn=another`, TABLE_NAME: 'another' }, []],
    [
      'a hash key is not short',
      { TABLE_CONNECTION_STRING: AZURITE, IDENTIFIER_HASH_KEY: 'short' },
      ['IDENTIFIER_HASH_KEY must have at least 32 characters'],
    ],
    [
      'a secret has a name that a vault takes',
      { KEY_VAULT_URL: VAULT, IDENTIFIER_HASH_KEY_SECRET: 'a/b' },
      ['IDENTIFIER_HASH_KEY_SECRET must be the name of a secret: 1 to 127 letters, digits and dashes'],
    ],
  ])('%s', (_name, env, problems) => {
    expect(problemsOf(env)).toEqual(problems);
  });
});
