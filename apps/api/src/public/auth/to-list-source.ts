import { readFile } from 'node:fs/promises';
import type { ApiConfig } from '#shared/config/api-config';
import { AzureCredential } from '#shared/secrets/azure-credential';
import { KeyVault } from '#shared/secrets/key-vault';
import type { ListSource } from './watch-api-keys';

/** Where the list of keys is: one of the two is configured. */
export function toListSource(config: ApiConfig): ListSource {
  const { apiKeysFile: file, apiKeysSecret = '', keyVaultUrl = '', secretRefreshSeconds: refreshSeconds } = config;
  if (file !== undefined) return { name: 'API_KEYS_FILE', file, refreshSeconds, read: () => readFile(file, 'utf8') };
  const vault = new KeyVault(new AzureCredential(), config.nodeEnv);
  const read = () => vault.read({ vaultUrl: keyVaultUrl, name: apiKeysSecret });
  return { name: 'API_KEYS_SECRET', file, refreshSeconds, read };
}
