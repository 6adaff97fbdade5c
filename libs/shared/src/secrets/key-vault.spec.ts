import { describe, expect, it } from 'vitest';
import { isAllowedVault } from './key-vault';

describe('isAllowedVault', () => {
  it.each([
    'https://a.vault.azure.net',
    'https://a.vault.azure.cn',
    'https://a.vault.usgovcloudapi.net',
    'https://A.VAULT.AZURE.NET',
    'https://own.example:8443',
  ])('accepts a vault of Azure and that of KEY_VAULT_URL: %s', (url) => {
    expect(isAllowedVault(url, { nodeEnv: 'production', keyVaultUrl: 'https://own.example:8443' })).toBe(true);
  });

  it.each([
    'https://vault.azure.net',
    'https://evilvault.azure.net',
    'https://a.vault.azure.net.evil.example',
    'https://evil.example/a.vault.azure.net',
    'https://own.example',
    'https://127.0.0.1:8443',
    'http://own.example:8443',
  ])('refuses any other: %s', (url) => {
    expect(isAllowedVault(url, { nodeEnv: 'production', keyVaultUrl: 'https://own.example:8443' })).toBe(false);
  });

  it('accepts a stand-in on loopback outside of production', () => {
    expect(isAllowedVault('https://127.0.0.1:8443', { nodeEnv: 'test' })).toBe(true);
    expect(isAllowedVault('https://127.0.0.1:8443', { nodeEnv: 'production' })).toBe(false);
  });
});
