import { parseKeyVaultSecretIdentifier, SecretClient } from '@azure/keyvault-secrets';
import { isLocalTrial, isSafeUrl } from '../config/loopback';
import type { AzureCredential } from './azure-credential';
import { describeSource } from '../config/secret-sources';
import { SecretError, SecretErrorCode, toSecretError } from './secret-error';

/** One request; the vault answers in tens of milliseconds. */
const REQUEST_LIMIT_MS = 10_000;

/** Where Azure's vaults are: the public cloud, the one that 21Vianet operates, and that of the US government. */
export const VAULT_DOMAINS = ['vault.azure.net', 'vault.azure.cn', 'vault.usgovcloudapi.net'] as const;

/** One secret of one vault. */
export interface SecretName {
  /** Such as https://example.vault.azure.net. */
  vaultUrl: string;
  name: string;
  /** Absent: the newest that is enabled. */
  version?: string | undefined;
}

/** The one place that reads a vault. */
export class KeyVault {
  // A client keeps the vault's challenge and its token; without them every secret costs two more round trips.
  private readonly clients = new Map<string, SecretClient>();

  constructor(
    private readonly credential: AzureCredential,
    private readonly nodeEnv: string,
  ) {}

  /**
   * The value of a secret, which is not empty. Blanks and line ends around it are removed: a secret that was set from a file
   * often ends in one. Asks once; the caller decides about retries.
   *
   * @throws SecretError with the code of what is wrong and, where the vault says so, how long to leave it alone.
   */
  async read({ vaultUrl, name, version }: SecretName, abortSignal?: AbortSignal): Promise<string> {
    const what = describeSource({ kind: 'key-vault', vaultUrl, name });
    try {
      const { value } = await this.getClient(vaultUrl).getSecret(name, {
        ...(version === undefined ? {} : { version }),
        ...(abortSignal === undefined ? {} : { abortSignal }),
        requestOptions: { timeout: REQUEST_LIMIT_MS },
      });
      const trimmed = value?.trim();
      if (trimmed) return trimmed;
    } catch (error) {
      abortSignal?.throwIfAborted();
      throw toSecretError(error, what);
    }
    throw new SecretError(SecretErrorCode.Invalid, `${what}: it is empty`);
  }

  private getClient(vaultUrl: string): SecretClient {
    const known = this.clients.get(vaultUrl);
    if (known !== undefined) return known;
    const isTrial = isLocalTrial(vaultUrl, this.nodeEnv);
    const client = new SecretClient(vaultUrl, this.credential, {
      retryOptions: { maxRetries: 0 },
      allowInsecureConnection: isTrial,
      // Else the token goes only to a vault of the domain that the challenge names, and none is of 127.0.0.1.
      disableChallengeResourceVerification: isTrial,
    });
    this.clients.set(vaultUrl, client);
    return client;
  }
}

/**
 * `https://{vault}/secrets/{name}`, with or without `/{version}`, and with or without a slash at its end, in its parts.
 *
 * @throws Error when it is not such a URL.
 */
export function parseSecretUrl(text: string, nodeEnv: string): SecretName {
  const { origin, pathname } = new URL(text);
  const { vaultUrl, name, version } = parseKeyVaultSecretIdentifier(origin + pathname.replace(/\/+$/, ''));
  if (!isSafeUrl(vaultUrl, nodeEnv) || !pathname.startsWith('/secrets/')) {
    throw new Error('not the URL of a secret');
  }
  return { vaultUrl, name, version };
}

/** What decides which vaults a reference may name. */
export interface AllowedVaults {
  nodeEnv: string;
  /** `CommonConfig.keyVaultUrl`, in whatever domain it is. */
  keyVaultUrl?: string | undefined;
}

/**
 * Whether a reference may name this vault. Who can write a setting would otherwise choose which host gets the requests of this
 * process, and whose answer is taken for the secret.
 */
export function isAllowedVault(vaultUrl: string, { nodeEnv, keyVaultUrl }: AllowedVaults): boolean {
  const { origin, hostname } = new URL(vaultUrl);
  return (
    origin === keyVaultUrl ||
    isLocalTrial(vaultUrl, nodeEnv) ||
    VAULT_DOMAINS.some((domain) => hostname.endsWith(`.${domain}`))
  );
}
