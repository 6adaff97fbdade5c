import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findHashKeyProblem } from '#shared/config/secret-sources';
import { AzureCredential } from '#shared/secrets/azure-credential';
import { KeyVault } from '#shared/secrets/key-vault';
import { parseApiKeyList } from '../../apps/api/src/auth/api-keys';
import { type IdentityEndpoint, startIdentityEndpoint } from '../support/azure/identity-endpoint';
import { type KeyVaultDouble, startKeyVault } from '../support/azure/key-vault-double';
import type * as LateNames from '../support/late-names.cjs';
import { waitUntil } from '../support/wait-until';
import { withEnvironment } from '../support/with-environment';

const { delayNames } = createRequire(__filename)('../support/late-names.cjs') as typeof LateNames;

let identity: IdentityEndpoint;
let vault: KeyVaultDouble;
let restore: () => void;

// One for all: the library keeps the first endpoint of its process.
beforeAll(async () => {
  identity = await startIdentityEndpoint();
});
afterAll(() => identity.stop());

beforeEach(async () => {
  vault = await startKeyVault();
  restore = withEnvironment(identity.env);
});

afterEach(async () => {
  restore();
  await vault.stop();
});

const read = (name: string) => new KeyVault(new AzureCredential(), 'test').read({ vaultUrl: vault.url, name });

/** Seeds the vault; what was printed. */
async function seed(
  options: { isWatched?: boolean; patienceMs?: number; env?: Record<string, string> } = {},
  url = vault.url,
): Promise<string> {
  const { openVault, seedSecrets } = await import('../../infra/hooks/seed-secrets.mjs');
  const { createApiKey } = await import('../../apps/api/api-key.mjs');
  let printed = '';
  const client = await openVault(url, new AzureCredential(), {
    ...{ allowInsecureConnection: true, disableChallengeResourceVerification: true, retryOptions: { maxRetries: 0 } },
  });
  await seedSecrets(client, {
    ...{ createKey: createApiKey, env: {}, isWatched: true, print: (text: string) => (printed += `${text}\n`) },
    ...{ patienceMs: 60_000, pauseMs: 20, ...options },
  });
  return printed;
}

describe('the secrets that azd seeds', () => {
  it('are what the processes take: a key of the hashes, and two lists with a key each, shown once', async () => {
    const printed = await seed();
    expect(findHashKeyProblem(await read('identifier-hash-key'), 'production')).toBeUndefined();
    expect(printed).not.toContain(await read('identifier-hash-key'));
    const shown = printed.match(/aq_[\w-]{43}/g) ?? [];
    const digests = shown.map((key) => createHash('sha256').update(key).digest('hex'));
    expect(parseApiKeyList(await read('api-keys'))).toEqual([{ caller: 'first-caller', sha256: digests[0] }]);
    expect(parseApiKeyList(await read('operator-keys'))).toEqual([{ caller: 'first-operator', sha256: digests[1] }]);
  });

  it('stay as they are the next time', async () => {
    await seed();
    const before = await Promise.all(['identifier-hash-key', 'api-keys', 'operator-keys'].map(read));
    expect(await seed()).toBe('');
    expect(await Promise.all(['identifier-hash-key', 'api-keys', 'operator-keys'].map(read))).toEqual(before);
  });

  it('are no keys where a log would have them', async () => {
    const printed = await seed({ isWatched: false });
    expect(printed).not.toContain('aq_');
    expect(printed).toContain('api-keys: missing');
    await expect(read('api-keys')).rejects.toMatchObject({ code: 'SECRET_NOT_FOUND' });
    expect(await read('identifier-hash-key')).toHaveLength(43);
  });

  it('are no keys where a tenant vouches for people', async () => {
    const printed = await seed({ env: { AUTH_MODE: 'entra', OPERATOR_AUTH: 'entra' } });
    expect(printed).toBe('identifier-hash-key: made; nobody has to know it.\n');
    await expect(read('operator-keys')).rejects.toMatchObject({ code: 'SECRET_NOT_FOUND' });
  });

  it('wait for a role that is on its way', async () => {
    vault.disturb({ kind: 'status', status: 403 });
    const seeding = seed();
    await waitUntil(
      'two refusals',
      () => vault.requests.length,
      (count) => count >= 2,
    );
    vault.disturb(undefined);
    await seeding;
    expect(await read('identifier-hash-key')).toHaveLength(43);
  });

  it('wait for the name of a vault that does not resolve yet', async () => {
    const restoreLookups = delayNames({ localhost: ['ENOTFOUND', 'ENOTFOUND', 'EAI_AGAIN'] });
    try {
      const printed = await seed({}, vault.url.replace('127.0.0.1', 'localhost'));
      expect(printed).toMatch(
        /^Trying again for up to 1 min: getaddrinfo ENOTFOUND localhost.\nTrying again for up to 1 min: getaddrinfo EAI_AGAIN localhost.\nidentifier/,
      );
    } finally {
      restoreLookups();
    }
    expect(await read('identifier-hash-key')).toHaveLength(43);
  });

  it('are given up where the role does not come, and at once where it is something else', async () => {
    vault.disturb({ kind: 'status', status: 403 });
    await expect(seed({ patienceMs: 0 })).rejects.toMatchObject({ statusCode: 403 });
    vault.disturb({ kind: 'status', status: 500 });
    await expect(seed()).rejects.toMatchObject({ statusCode: 500 });
  });
});
