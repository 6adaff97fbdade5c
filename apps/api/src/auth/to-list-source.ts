import { readFile } from 'node:fs/promises';
import type { ApiConfig } from '#shared/config/api-config';
import { AzureCredential } from '#shared/secrets/azure-credential';
import { KeyVault } from '#shared/secrets/key-vault';
import type { ListSource } from './watch-api-keys';

/** One listener's settings for its list of keys: one of the two is configured. */
export interface ListPlace {
  /** What the variables of this list begin with. */
  variables: 'API_KEYS' | 'OPERATOR_KEYS';
  file: string | undefined;
  secret: string | undefined;
}

/** Where a list of keys is, and how it is read. */
export function toListSource({ variables, file, secret = '' }: ListPlace, config: ApiConfig): ListSource {
  const { keyVaultUrl = '', secretRefreshSeconds: refreshSeconds } = config;
  if (file !== undefined)
    return { name: `${variables}_FILE`, file, refreshSeconds, read: () => readFile(file, 'utf8') };
  const vault = new KeyVault(new AzureCredential(), config.nodeEnv);
  const read = (signal: AbortSignal) => vault.read({ vaultUrl: keyVaultUrl, name: secret }, signal);
  return { name: `${variables}_SECRET`, file, refreshSeconds, read };
}
