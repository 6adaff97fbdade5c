import type { TokenCredential } from '@azure/identity';
import type { SecretClient, SecretClientOptions } from '@azure/keyvault-secrets';

export function openVault(
  url: string,
  credential: TokenCredential,
  options?: SecretClientOptions,
): Promise<SecretClient>;

export function seedSecrets(
  vault: Pick<SecretClient, 'getSecret' | 'setSecret'>,
  options: {
    createKey: (caller: string) => { key: string; entry: { caller: string; sha256: string } };
    env: Readonly<Record<string, string | undefined>>;
    isWatched: boolean;
    print: (text: string) => void;
    patienceMs?: number;
    pauseMs?: number;
  },
): Promise<void>;
