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
