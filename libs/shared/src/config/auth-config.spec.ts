import { describe, expect, it } from 'vitest';
import { ApiConfig } from './api-config';
import { ConfigInvalidError, parseConfig } from './parse-config';

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    parseConfig(ApiConfig, env);
  } catch (error) {
    if (error instanceof ConfigInvalidError) return error.problems;
    throw error;
  }
  return [];
}

describe('who may call', () => {
  const TENANT = { ENTRA_TENANT_ID: 'a3b5e1b0-21c8-4e58-9a0b-6a6e0a2b7f11', ENTRA_AUDIENCE: 'a' };
  const ENTRA = { AUTH_MODE: 'entra', ...TENANT, ENTRA_REQUIRED_ROLE: 'r' };
  const NOT_TRUSTED =
    'ENTRA_AUTHORITY must be one of https://login.microsoftonline.com, https://login.microsoftonline.us, ' +
    'https://login.partner.microsoftonline.cn, or, where NODE_ENV is not production, an origin at a loopback address';
  const VAULT = { API_KEYS_SECRET: 'api-keys', KEY_VAULT_URL: 'https://a.vault.azure.net' };

  it.each<[string, Record<string, string>]>([
    ['keys of a file', { AUTH_MODE: 'api-key', API_KEYS_FILE: 'keys.json', HOST: '0.0.0.0' }],
    ['keys of a vault', { AUTH_MODE: 'api-key', ...VAULT, HOST: '0.0.0.0' }],
    ['a tenant, with a role', { ...ENTRA, HOST: '0.0.0.0' }],
    ['a tenant, with a scope', { AUTH_MODE: 'entra', ...TENANT, ENTRA_REQUIRED_SCOPE: 's' }],
    ['a tenant of Azure Government', { ...ENTRA, ENTRA_AUTHORITY: 'https://login.microsoftonline.us' }],
    ['a tenant of Azure in China', { ...ENTRA, ENTRA_AUTHORITY: 'https://login.partner.microsoftonline.cn/' }],
    ['a tenant of this machine', { ...ENTRA, ENTRA_AUTHORITY: 'http://127.0.0.1:4000' }],
  ])('can be said by %s', (_name, env) => {
    expect(problemsOf(env)).toEqual([]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['an unknown mode', { AUTH_MODE: 'basic' }, 'AUTH_MODE must be one of none, api-key, entra'],
    ['no keys', { AUTH_MODE: 'api-key' }, 'AUTH_MODE needs either API_KEYS_FILE or API_KEYS_SECRET when it is api-key'],
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
      'KEY_VAULT_URL must be a URL that begins with https://',
    ],
    [
      'a vault with a path',
      { AUTH_MODE: 'api-key', ...VAULT, KEY_VAULT_URL: 'https://a.vault.azure.net/secrets/api-keys' },
      'KEY_VAULT_URL must have nothing but a host: no path, no query, no fragment, no user',
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
    ['tokens of anywhere', { ...ENTRA, ENTRA_AUTHORITY: 'https://login.example' }, NOT_TRUSTED],
    ['tokens of no URL', { ...ENTRA, ENTRA_AUTHORITY: 'login.microsoftonline.us' }, NOT_TRUSTED],
    [
      'tokens of a tenant that stands in the authority',
      { ...ENTRA, ENTRA_AUTHORITY: `https://login.microsoftonline.us/${TENANT.ENTRA_TENANT_ID}` },
      NOT_TRUSTED,
    ],
    [
      'tokens of this machine in production',
      { ...ENTRA, ENTRA_AUTHORITY: 'http://127.0.0.1:4000', NODE_ENV: 'production' },
      NOT_TRUSTED,
    ],
    [
      'the tenant of operators, for callers that are not asked',
      { ...TENANT, OPERATOR_AUTH: 'entra', OPERATOR_REQUIRED_ROLE: 'o', ENTRA_REQUIRED_ROLE: 'r' },
      'AUTH_MODE must be api-key or entra when there are settings of either: none would ask nobody for a credential',
    ],
  ])('is refused at the start where it is not safe, in a sentence: %s', (_name, env, problem) => {
    expect(problemsOf(env)).toEqual([problem]);
  });
});

const BEYOND = { OPERATOR_HOST: '0.0.0.0' };
const FILE = { OPERATOR_AUTH: 'basic', OPERATOR_KEYS_FILE: 'operators.json' };
const SECRET = { OPERATOR_AUTH: 'basic', OPERATOR_KEYS_SECRET: 'operators' };
const VAULT = { KEY_VAULT_URL: 'https://a.vault.azure.net' };
const TENANT = { ENTRA_TENANT_ID: 'a3b5e1b0-21c8-4e58-9a0b-6a6e0a2b7f11', ENTRA_AUDIENCE: 'a' };
const ENTRA = { OPERATOR_AUTH: 'entra', ...TENANT, OPERATOR_REQUIRED_ROLE: 'Operators' };
const NOT_LOOPBACK =
  'OPERATOR_HOST must be a loopback address while OPERATOR_AUTH=none: beyond it, set OPERATOR_AUTH to basic or entra';

describe('who may operate', () => {
  it.each<[string, Record<string, string>]>([
    ['anyone, at loopback', { OPERATOR_HOST: '::1' }],
    ['keys of a file', { ...BEYOND, ...FILE }],
    ['keys of a vault', { ...BEYOND, ...SECRET, ...VAULT }],
    ['a tenant, though callers are not asked', { ...BEYOND, ...ENTRA }],
    ['a tenant, of callers too', { ...BEYOND, ...ENTRA, AUTH_MODE: 'entra', ENTRA_REQUIRED_ROLE: 'r' }],
    ['keys, though callers are not asked anywhere', { ...BEYOND, ...FILE, HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true' }],
  ])('can be said by %s', (_name, env) => {
    expect(problemsOf(env)).toEqual([]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['an unknown way', { OPERATOR_AUTH: 'api-key' }, 'OPERATOR_AUTH must be one of none, basic, entra'],
    ['anyone beyond loopback', BEYOND, NOT_LOOPBACK],
    ['anyone beyond loopback, though callers are asked', { ...BEYOND, ...toCallersEnv() }, NOT_LOOPBACK],
    ['anyone beyond loopback, though anyone may call', { ...BEYOND, ALLOW_ANONYMOUS: 'true' }, NOT_LOOPBACK],
    [
      'keys, and nobody asked for them',
      { OPERATOR_KEYS_FILE: 'operators.json' },
      'OPERATOR_AUTH must be basic or entra when there are settings of either: none would ask nobody for a credential',
    ],
    [
      'no keys',
      { OPERATOR_AUTH: 'basic' },
      'OPERATOR_AUTH needs either OPERATOR_KEYS_FILE or OPERATOR_KEYS_SECRET when it is basic',
    ],
    [
      'two lists of keys',
      { ...FILE, ...SECRET, ...VAULT },
      'OPERATOR_AUTH needs either OPERATOR_KEYS_FILE or OPERATOR_KEYS_SECRET when it is basic',
    ],
    ['no vault', SECRET, 'OPERATOR_AUTH needs KEY_VAULT_URL when it is basic and OPERATOR_KEYS_SECRET is given'],
    [
      'no tenant',
      { OPERATOR_AUTH: 'entra', OPERATOR_REQUIRED_ROLE: 'Operators' },
      'OPERATOR_AUTH needs both ENTRA_TENANT_ID and ENTRA_AUDIENCE when it is entra',
    ],
    [
      'no role',
      { OPERATOR_AUTH: 'entra', ...TENANT },
      'OPERATOR_AUTH needs OPERATOR_REQUIRED_ROLE when it is entra: without, every application of the tenant could manage all queries',
    ],
    [
      'the role of callers',
      { ...ENTRA, AUTH_MODE: 'entra', ENTRA_REQUIRED_ROLE: 'Operators' },
      'ENTRA_REQUIRED_ROLE must not be OPERATOR_REQUIRED_ROLE: every caller would be an operator',
    ],
    [
      'the keys of callers',
      { ...FILE, AUTH_MODE: 'api-key', API_KEYS_FILE: 'operators.json' },
      'API_KEYS_FILE must not be OPERATOR_KEYS_FILE: every caller would be an operator',
    ],
    [
      'the keys of callers in a vault',
      { ...SECRET, ...VAULT, AUTH_MODE: 'api-key', API_KEYS_SECRET: 'operators' },
      'API_KEYS_SECRET must not be OPERATOR_KEYS_SECRET: every caller would be an operator',
    ],
  ])('is refused at the start where it is not safe, in a sentence: %s', (_name, env, problem) => {
    expect(problemsOf(env)).toEqual([problem]);
  });
});

function toCallersEnv(): Record<string, string> {
  return { AUTH_MODE: 'api-key', API_KEYS_FILE: 'keys.json', HOST: '0.0.0.0' };
}
