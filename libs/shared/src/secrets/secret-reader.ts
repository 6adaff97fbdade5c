import { AppConfiguration } from './app-configuration';
import { AzureCredential } from './azure-credential';
import { describeSource } from './describe-source';
import { KeyVault } from './key-vault';
import { SecretError, SecretErrorCode } from './secret-error';
import type { SecretSource } from './secret-source';

export interface SecretReaderOptions {
  nodeEnv: string;
  /** Whether a setting of App Configuration may be the secret itself. */
  allowPlainSecrets: boolean;
}

/** Reads secrets, wherever they are; asks once for each. */
export class SecretReader {
  /** Who this process is to Azure, for what needs no secret. */
  readonly credential = new AzureCredential();
  private readonly keyVault: KeyVault;
  private readonly appConfigurations = new Map<string, AppConfiguration>();

  /** @throws ConfigInvalidError when AZURE_TOKEN_CREDENTIALS is none of its words. */
  constructor(private readonly options: SecretReaderOptions) {
    this.keyVault = new KeyVault(this.credential, options.nodeEnv);
  }

  /** @throws SecretError */
  async read(source: SecretSource, signal?: AbortSignal): Promise<string> {
    switch (source.kind) {
      case 'plain':
        return source.value;
      case 'key-vault':
        return this.keyVault.read(source, signal);
      case 'app-configuration':
        return this.readSetting(source.endpoint, source.key, signal);
    }
  }

  private async readSetting(endpoint: string, key: string, signal?: AbortSignal): Promise<string> {
    let settings = this.appConfigurations.get(endpoint);
    if (settings === undefined) {
      settings = new AppConfiguration(endpoint, this.credential, this.options.nodeEnv);
      this.appConfigurations.set(endpoint, settings);
    }
    const setting = await settings.read(key, signal);
    if (setting.kind === 'reference') return this.keyVault.read(setting.secret, signal);
    if (this.options.allowPlainSecrets) return setting.value;
    const what = describeSource({ kind: 'app-configuration', endpoint, key });
    throw new SecretError(
      SecretErrorCode.Invalid,
      `${what} must be a Key Vault reference, or ALLOW_PLAIN_SECRETS=true be set`,
    );
  }
}
