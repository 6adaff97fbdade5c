import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ApiConfig } from '#shared/config/api-config';
import { ConfigInvalidError, parseConfig, toVariableName } from '#shared/config/parse-config';
import { WorkerConfig } from '#shared/config/worker-config';

const AZURITE = 'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=http://127.0.0.1:1/a';
const AZURE = 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net';

function problemsOf(type: new () => object, env: Record<string, string>): readonly string[] {
  try {
    parseConfig(type, env);
  } catch (error) {
    if (error instanceof ConfigInvalidError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseConfig', () => {
  it('gives the defaults where nothing is set', () => {
    expect(parseConfig(ApiConfig, {})).toMatchObject({ port: 3000, operatorPort: 3001, maxRangeDays: 366 });
  });

  it('takes an empty variable for an absent one', () => {
    expect(parseConfig(ApiConfig, { PORT: '', PUBLIC_BASE_URL: ' ' })).toMatchObject({ port: 3000 });
  });

  it('gives numbers and flags their type, and an object that cannot be changed', () => {
    const config = parseConfig(ApiConfig, { PORT: '8080', HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true' });
    expect(config).toMatchObject({ port: 8080, host: '0.0.0.0', allowAnonymous: true });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('names every problem at once, by variable and rule, and no value', () => {
    const env = { PORT: 'S3CRET', REDIS_URL: 'S3CRET', ALLOW_ANONYMOUS: 'S3CRET', KEY_PREFIX: 'S3CRET:' };
    const problems = problemsOf(ApiConfig, env);
    expect(problems.map((problem) => problem.split(' ')[0]).sort()).toEqual(
      expect.arrayContaining(['ALLOW_ANONYMOUS', 'KEY_PREFIX', 'PORT', 'REDIS_URL']),
    );
    expect(problems.join()).not.toContain('S3CRET');
  });

  it.each(['HOST', 'OPERATOR_HOST'])('refuses %s beyond loopback while anyone may call', (name) => {
    expect(problemsOf(ApiConfig, { [name]: '0.0.0.0' })).toEqual([
      expect.stringContaining(`${name} must be a loopback`),
    ]);
    expect(problemsOf(ApiConfig, { [name]: '0.0.0.0', ALLOW_ANONYMOUS: 'true' })).toEqual([]);
  });

  describe('who may call', () => {
    const TENANT = { ENTRA_TENANT_ID: 'a3b5e1b0-21c8-4e58-9a0b-6a6e0a2b7f11', ENTRA_AUDIENCE: 'a' };
    const ENTRA = { AUTH_MODE: 'entra', ...TENANT, ENTRA_REQUIRED_ROLE: 'r' };
    const VAULT = { API_KEYS_SECRET: 'api-keys', KEY_VAULT_URL: 'https://a.vault.azure.net' };

    it.each<[string, Record<string, string>]>([
      ['keys of a file', { AUTH_MODE: 'api-key', API_KEYS_FILE: 'keys.json', HOST: '0.0.0.0' }],
      ['keys of a vault', { AUTH_MODE: 'api-key', ...VAULT, HOST: '0.0.0.0' }],
      ['a tenant, with a role', { ...ENTRA, HOST: '0.0.0.0' }],
      ['a tenant, with a scope', { AUTH_MODE: 'entra', ...TENANT, ENTRA_REQUIRED_SCOPE: 's' }],
      ['a tenant of this machine', { ...ENTRA, ENTRA_AUTHORITY: 'http://127.0.0.1:4000' }],
    ])('can be said by %s', (_name, env) => {
      expect(problemsOf(ApiConfig, env)).toEqual([]);
    });

    it.each<[string, Record<string, string>, string]>([
      ['an unknown mode', { AUTH_MODE: 'basic' }, 'AUTH_MODE must be one of none, api-key, entra'],
      [
        'no keys',
        { AUTH_MODE: 'api-key' },
        'AUTH_MODE needs either API_KEYS_FILE or API_KEYS_SECRET when it is api-key',
      ],
      [
        'two lists of keys',
        { AUTH_MODE: 'api-key', API_KEYS_FILE: 'keys.json', ...VAULT },
        'AUTH_MODE needs either API_KEYS_FILE or API_KEYS_SECRET when it is api-key',
      ],
      [
        'no vault',
        { AUTH_MODE: 'api-key', API_KEYS_SECRET: 'api-keys' },
        'AUTH_MODE needs KEY_VAULT_URL when it is api-key and API_KEYS_SECRET is given',
      ],
      [
        'a vault without TLS',
        { AUTH_MODE: 'api-key', ...VAULT, KEY_VAULT_URL: 'http://a.vault.azure.net' },
        'KEY_VAULT_URL must begin with https://',
      ],
      [
        'no tenant',
        { AUTH_MODE: 'entra', ENTRA_AUDIENCE: 'a', ENTRA_REQUIRED_ROLE: 'r' },
        'AUTH_MODE needs both ENTRA_TENANT_ID and ENTRA_AUDIENCE when it is entra',
      ],
      [
        'neither role nor scope',
        { AUTH_MODE: 'entra', ...TENANT },
        'AUTH_MODE needs ENTRA_REQUIRED_ROLE or ENTRA_REQUIRED_SCOPE when it is entra: without, every application of the tenant could call',
      ],
      [
        'a tenant by its domain',
        { ...ENTRA, ENTRA_TENANT_ID: 'a.example' },
        'ENTRA_TENANT_ID must be the id of a tenant, which is a UUID; its domain name will not do',
      ],
      [
        'keys, and nobody asked for them',
        { API_KEYS_FILE: 'keys.json' },
        'AUTH_MODE must be api-key or entra when there are settings of either: none would ask nobody for a credential',
      ],
      [
        'anyone, though keys are asked for',
        { AUTH_MODE: 'api-key', API_KEYS_FILE: 'keys.json', ALLOW_ANONYMOUS: 'true' },
        'ALLOW_ANONYMOUS must not be true together with AUTH_MODE=api-key or AUTH_MODE=entra: it says that anyone may call',
      ],
      [
        'tokens of anywhere',
        { ...ENTRA, ENTRA_AUTHORITY: 'https://login.example' },
        'ENTRA_AUTHORITY must be https://login.microsoftonline.com, or, where NODE_ENV is not production, at a loopback address',
      ],
      [
        'tokens of this machine in production',
        { ...ENTRA, ENTRA_AUTHORITY: 'http://127.0.0.1:4000', NODE_ENV: 'production' },
        'ENTRA_AUTHORITY must be https://login.microsoftonline.com, or, where NODE_ENV is not production, at a loopback address',
      ],
      [
        'operators beyond loopback, though callers are asked',
        { ...ENTRA, OPERATOR_HOST: '0.0.0.0' },
        'OPERATOR_HOST must be a loopback address, unless ALLOW_ANONYMOUS=true says that anyone may call',
      ],
    ])('is refused at the start where it is not safe, in a sentence: %s', (_name, env, problem) => {
      expect(problemsOf(ApiConfig, env)).toEqual([problem]);
    });
  });

  it('asks for the connection string', () => {
    expect(problemsOf(WorkerConfig, {})).toEqual([
      'TABLE_CONNECTION_STRING must be the connection string of a storage account, with its key',
    ]);
    expect(problemsOf(WorkerConfig, { TABLE_CONNECTION_STRING: AZURITE })).toEqual([]);
  });

  it.each([
    'AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net;DefaultEndpointsProtocol=http',
    'DefaultEndpointsProtocol=HTTP;AccountName=a;AccountKey=c2VjcmV0',
    'AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=http://a.example',
    'UseDevelopmentStorage=true',
  ])('refuses plain http in production however it is put: %s', (text) => {
    const env = { NODE_ENV: 'production', TABLE_CONNECTION_STRING: text, IDENTIFIER_HASH_KEY: 'k'.repeat(32) };
    expect(problemsOf(WorkerConfig, env)).toEqual(['TABLE_CONNECTION_STRING must use https when NODE_ENV=production']);
  });

  it('refuses a shared access signature, which is no key', () => {
    const env = { TABLE_CONNECTION_STRING: 'TableEndpoint=https://a.example;SharedAccessSignature=sv=1&sig=x' };
    expect(problemsOf(WorkerConfig, env)).toHaveLength(1);
  });

  it('refuses plain http and a hash key that everybody knows in production', () => {
    const env = { NODE_ENV: 'production', TABLE_CONNECTION_STRING: AZURITE };
    expect(problemsOf(WorkerConfig, env)).toEqual([
      'TABLE_CONNECTION_STRING must use https when NODE_ENV=production',
      'IDENTIFIER_HASH_KEY must be given when NODE_ENV=production',
    ]);
    const good = { ...env, TABLE_CONNECTION_STRING: AZURE, IDENTIFIER_HASH_KEY: 'k'.repeat(32) };
    expect(problemsOf(WorkerConfig, good)).toEqual([]);
  });
});

describe('.env.example', () => {
  const example = parseEnv(readFileSync('.env.example', 'utf8'));

  it('names every variable of both processes, and no other', () => {
    const members = [...Object.keys(new ApiConfig()), ...Object.keys(new WorkerConfig())];
    expect(Object.keys(example).sort()).toEqual([...new Set(members.map(toVariableName))].sort());
  });

  it.each([ApiConfig, WorkerConfig])('is a valid configuration as it stands: %o', (type) => {
    expect(problemsOf(type, example as Record<string, string>)).toEqual([]);
  });
});
