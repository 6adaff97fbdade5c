import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AzureCredential } from '#shared/secrets/azure-credential';
import { KeyVault } from '#shared/secrets/key-vault';
import { type IdentityEndpoint, startIdentityEndpoint } from '../support/azure/identity-endpoint';
import { type KeyVaultDouble, startKeyVault } from '../support/azure/key-vault-double';
import type { Disturbance } from '../support/azure/scripted-server';
import { withEnvironment } from '../support/with-environment';

const NAME = 'api-keys';
const CANARY = 's3cret-canary';

let identity: IdentityEndpoint;
let vault: KeyVaultDouble;
let restore: () => void;

// One for all: the library keeps the first endpoint of its process.
beforeAll(async () => {
  identity = await startIdentityEndpoint();
});
afterAll(() => identity.stop());

beforeEach(async () => {
  identity.disturb(undefined);
  vault = await startKeyVault({ [NAME]: CANARY });
  restore = withEnvironment(identity.env);
});

afterEach(async () => {
  restore();
  await vault.stop();
});

const read = (more: object = {}, nodeEnv = 'test') =>
  new KeyVault(new AzureCredential(), nodeEnv).read({ vaultUrl: vault.url, name: NAME, ...more });

describe('KeyVault', () => {
  it('answers the challenge and reads the newest version, or the one that is named', async () => {
    expect(await read()).toBe(CANARY);
    const version = vault.set(NAME, 'second');
    vault.set(NAME, 'third');
    expect(await read()).toBe('third');
    expect(await read({ version })).toBe('second');
    expect(vault.requests[0]?.authorization).toBeUndefined();
  });

  it('keeps the challenge and the token for the next secret of the vault', async () => {
    const keyVault = new KeyVault(new AzureCredential(), 'test');
    await keyVault.read({ vaultUrl: vault.url, name: NAME });
    await keyVault.read({ vaultUrl: vault.url, name: NAME });
    expect(vault.requests).toHaveLength(3);
  });

  it.each<[string, Disturbance, object]>([
    ['away', { kind: 'away' }, { code: 'SECRET_UNREACHABLE' }],
    ['out of order', { kind: 'status', status: 503 }, { code: 'SECRET_UNREACHABLE' }],
    [
      'throttling',
      { kind: 'status', status: 429, retryAfterSeconds: 7 },
      { code: 'SECRET_THROTTLED', options: { retryAfterMs: 7_000 } },
    ],
    [
      'refusing',
      { kind: 'status', status: 403, code: 'ForbiddenByRbac' },
      { code: 'SECRET_DENIED', message: expect.stringContaining('403 ForbiddenByRbac') as string },
    ],
  ])('says which secret and why, and asks once: the vault is %s', async (_name, disturbance, error) => {
    vault.disturb(disturbance);
    const failure = await read().catch((reason: unknown) => reason);
    expect(failure).toMatchObject({ name: 'SecretError', ...error });
    expect(String(failure)).toContain(NAME);
    expect(vault.requests).toHaveLength(1);
  });

  it.each([
    ['none of this name', { name: 'other' }, 'SECRET_NOT_FOUND'],
    ['none of this version', { version: 'f'.repeat(32) }, 'SECRET_NOT_FOUND'],
  ])('says that there is %s', async (_name, more, code) => {
    await expect(read(more)).rejects.toMatchObject({ code });
  });

  it('takes no empty secret', async () => {
    vault.set(NAME, '');
    await expect(read()).rejects.toMatchObject({ code: 'SECRET_INVALID' });
  });

  it('stops when it is told to', async () => {
    vault.disturb({ kind: 'slow' });
    const stop = new AbortController();
    const reading = new KeyVault(new AzureCredential(), 'test').read({ vaultUrl: vault.url, name: NAME }, stop.signal);
    stop.abort(new Error('told to'));
    await expect(reading).rejects.toThrow('told to');
  });

  it.each<[string, Disturbance, string]>([
    ['away', { kind: 'away' }, 'SECRET_UNREACHABLE'],
    ['out of order', { kind: 'status', status: 500 }, 'SECRET_UNREACHABLE'],
    ['throttling', { kind: 'status', status: 429 }, 'SECRET_THROTTLED'],
    ['refusing', { kind: 'status', status: 400, code: 'invalid_request' }, 'SECRET_DENIED'],
  ])("tells the identity's failures from the vault's: its endpoint is %s", async (_name, disturbance, code) => {
    // A token is kept by the library in this process until it expires; another client has another one.
    restore();
    restore = withEnvironment({ ...identity.env, AZURE_CLIENT_ID: `client-${code}-${disturbance.kind}` });
    identity.disturb(disturbance);
    await expect(read()).rejects.toMatchObject({ code, message: expect.stringContaining('the identity') as string });
  });

  it('loosens nothing for loopback in production', async () => {
    await expect(read({}, 'production')).rejects.toMatchObject({ name: 'SecretError' });
    expect(vault.requests).toEqual([]);
  });
});

describe('AzureCredential', () => {
  it('says that AZURE_TOKEN_CREDENTIALS is none of the words that it may be, and not what it is', () => {
    restore();
    restore = withEnvironment({ AZURE_TOKEN_CREDENTIALS: CANARY });
    const failure = (() => {
      try {
        return new AzureCredential();
      } catch (error) {
        return error;
      }
    })();
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID', problems: [expect.stringContaining('must be prod, dev')] });
    expect(String(failure)).not.toContain(CANARY);
  });
});
