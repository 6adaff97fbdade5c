import { describe, expect, it } from 'vitest';
import { ApiConfig } from '#shared/config/api-config';
import { ConfigInvalidError, parseConfig } from '#shared/config/parse-config';

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    parseConfig(ApiConfig, env);
  } catch (error) {
    if (error instanceof ConfigInvalidError) return error.problems;
    throw error;
  }
  return [];
}

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
