import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { AzureCredential } from '#shared/secrets/azure-credential';
import { KeyVault } from '#shared/secrets/key-vault';
import { SecretReader } from '#shared/secrets/secret-reader';
import { type AppConfigurationDouble, startAppConfiguration } from '../support/azure/app-configuration-double';
import { type IdentityEndpoint, startIdentityEndpoint } from '../support/azure/identity-endpoint';
import { type KeyVaultDouble, startKeyVault } from '../support/azure/key-vault-double';
import type { Disturbance } from '../support/azure/scripted-server';
import { withEnvironment } from '../support/with-environment';

const KEY = 'storage-account-connection-string';

let identity: IdentityEndpoint;
let vault: KeyVaultDouble;
let settings: AppConfigurationDouble;
let restore: () => void;

beforeAll(async () => {
  const tls = inject('testAuthority');
  [identity, vault, settings] = await Promise.all([
    startIdentityEndpoint(),
    startKeyVault({}, tls),
    startAppConfiguration(tls),
  ]);
  restore = withEnvironment(identity.env);
});

afterAll(async () => {
  restore();
  await Promise.all([identity.stop(), vault.stop(), settings.stop()]);
});

beforeEach(() => {
  settings.disturb(undefined);
  vault.requests.splice(0);
});

function read(options = {}) {
  const reader = new SecretReader({ nodeEnv: 'test', allowPlainSecrets: false, needsIdentity: true, ...options });
  return reader.read({ kind: 'app-configuration', endpoint: settings.url, key: KEY, label: 'async-http-api' });
}

describe('a setting of App Configuration', () => {
  it('is followed to the newest version of its secret, or to the one that it names', async () => {
    const version = vault.set('a-secret', 'first');
    vault.set('a-secret', 'second');
    settings.setReference(KEY, `${vault.url}/secrets/a-secret`);
    expect(await read()).toBe('second');
    settings.setReference(KEY, `${vault.url}/secrets/a-secret/${version}`);
    expect(await read()).toBe('first');
    settings.setReference(KEY, `${vault.url}/secrets/a-secret/${version}/`);
    expect(await read()).toBe('first');
    settings.setReference(KEY, `${vault.url}/secrets/a-secret/`);
    expect(await read()).toBe('second');
  });

  it('is refused when it is the secret itself, unless that is allowed', async () => {
    settings.setPlain(KEY, 's3cret-canary');
    const failure = await read().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'SECRET_INVALID' });
    expect(String(failure)).toMatch(/storage-account-connection-string .* must be a Key Vault reference/);
    expect(String(failure)).not.toContain('s3cret-canary');
    expect(await read({ allowPlainSecrets: true })).toBe('s3cret-canary');
  });

  it.each([
    ['no URL', 'no URL'],
    ['no secret', 'https://a.vault.azure.net/keys/a/b'],
    ['plain http', 'http://a.vault.azure.net/secrets/a'],
  ])('is refused when it refers to %s', async (_name, url) => {
    settings.setReference(KEY, url);
    await expect(read()).rejects.toMatchObject({ code: 'SECRET_INVALID' });
  });

  it.each([
    'https://a.vault.azure.net.evil.example',
    'https://evilvault.azure.net',
    'https://vault.azure.net',
    'https://a.vault.azure.net.',
    'https://a.vault.azure.net@evil.example',
    'https://evil.example',
    'https://169.254.169.254',
  ])('is refused, and no request is sent, when it refers to a vault elsewhere: %s', async (url) => {
    settings.setReference(KEY, `${url}/secrets/a`);
    const failure = await read({ keyVaultUrl: 'https://own.vault.example' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'SECRET_INVALID' });
    expect(String(failure)).toContain(
      `it refers to ${new URL(url).origin}, which is neither KEY_VAULT_URL nor a vault in a domain of Azure ` +
        '(vault.azure.net, vault.azure.cn, vault.usgovcloudapi.net); correct the reference, or set KEY_VAULT_URL to that vault',
    );
  });

  it('is followed to a stand-in on loopback, but not in production, unless KEY_VAULT_URL is that', async () => {
    vault.set('a-secret', 'first');
    settings.setReference(KEY, `${vault.url}/secrets/a-secret`);
    const inProduction = (options = {}) => read({ nodeEnv: 'production', ...options });
    await expect(inProduction()).rejects.toMatchObject({ code: 'SECRET_INVALID' });
    expect(vault.requests).toEqual([]);
    // It is asked, and gets no token: its challenge names another domain.
    await expect(inProduction({ keyVaultUrl: vault.url })).rejects.toMatchObject({ code: 'SECRET_DENIED' });
    expect(vault.requests).toHaveLength(1);
  });

  it.each<[string, Disturbance, object]>([
    ['away', { kind: 'away' }, { code: 'SECRET_UNREACHABLE' }],
    [
      'throttling',
      { kind: 'status', status: 429, retryAfterSeconds: 9 },
      { code: 'SECRET_THROTTLED', options: { retryAfterMs: 9_000 } },
    ],
    ['refusing', { kind: 'status', status: 403 }, { code: 'SECRET_DENIED' }],
    ['without it', { kind: 'status', status: 404 }, { code: 'SECRET_NOT_FOUND' }],
  ])('names itself when App Configuration is %s', async (_name, disturbance, error) => {
    settings.disturb(disturbance);
    const failure = await read().catch((reason: unknown) => reason);
    expect(failure).toMatchObject(error);
    expect(String(failure)).toContain(`the setting ${KEY} (label async-http-api) of ${settings.url}`);
  });
});

describe('a vault in another domain than its challenge names', () => {
  it('gets no token in production, loopback or not', async () => {
    vault.set('a-secret', 'first');
    const reading = new KeyVault(new AzureCredential(), 'production').read({ vaultUrl: vault.url, name: 'a-secret' });
    await expect(reading).rejects.toMatchObject({ code: 'SECRET_DENIED' });
    expect(vault.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });
});
