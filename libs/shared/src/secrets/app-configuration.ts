import {
  AppConfigurationClient,
  type ConfigurationSetting,
  isSecretReference,
  parseSecretReference,
} from '@azure/app-configuration';
import type { AzureCredential } from './azure-credential';
import { describeSource } from '../config/secret-sources';
import { type AllowedVaults, isAllowedVault, parseSecretUrl, type SecretName, VAULT_DOMAINS } from './key-vault';
import { SecretError, SecretErrorCode, toSecretError } from './secret-error';

/** One request. */
const REQUEST_LIMIT_MS = 10_000;

export interface SettingName {
  key: string;
  label: string;
}

/** What a setting says: where the secret is, or, against all advice, the secret itself. */
export type SecretSetting = { kind: 'reference'; secret: SecretName } | { kind: 'plain'; value: string };

/** The one place that reads App Configuration. */
export class AppConfiguration {
  private readonly client: AppConfigurationClient;

  /**
   * @param endpoint Such as https://example.azconfig.io.
   * @param vaults Which vaults a reference may name.
   */
  constructor(
    private readonly endpoint: string,
    credential: AzureCredential,
    private readonly vaults: AllowedVaults,
  ) {
    this.client = new AppConfigurationClient(endpoint, credential, { retryOptions: { maxRetries: 0 } });
  }

  /**
   * Asks once.
   *
   * @throws SecretError with the code of what is wrong and, where the service says so, how long to leave it alone.
   */
  async read({ key, label }: SettingName, abortSignal?: AbortSignal): Promise<SecretSetting> {
    const what = describeSource({ kind: 'app-configuration', endpoint: this.endpoint, key, label });
    const setting = await this.client
      .getConfigurationSetting(
        { key, label },
        {
          ...(abortSignal === undefined ? {} : { abortSignal }),
          requestOptions: { timeout: REQUEST_LIMIT_MS },
        },
      )
      .catch((error: unknown) => {
        abortSignal?.throwIfAborted();
        throw toSecretError(error, what);
      });
    if (!isSecretReference(setting)) return { kind: 'plain', value: setting.value?.trim() ?? '' };
    const secret = parseReference(setting, this.vaults.nodeEnv, what);
    if (isAllowedVault(secret.vaultUrl, this.vaults)) return { kind: 'reference', secret };
    throw new SecretError(
      SecretErrorCode.Invalid,
      `${what}: it refers to ${secret.vaultUrl}, which is neither KEY_VAULT_URL nor a vault in a domain of Azure ` +
        `(${VAULT_DOMAINS.join(', ')}); correct the reference, or set KEY_VAULT_URL to that vault`,
    );
  }
}

function parseReference(setting: ConfigurationSetting, nodeEnv: string, what: string): SecretName {
  try {
    return parseSecretUrl(parseSecretReference(setting).value.secretId, nodeEnv);
  } catch (cause) {
    // It is not JSON, or its URL is not one of a secret.
    throw new SecretError(SecretErrorCode.Invalid, `${what}: it refers to no secret of a vault`, { cause });
  }
}
