import { AppConfiguration } from './app-configuration';
import { AzureCredential } from './azure-credential';
import { describeSource, type SecretSource } from '../config/secret-sources';
import { type AllowedVaults, KeyVault } from './key-vault';
import { SecretError, SecretErrorCode } from './secret-error';

type SettingSource = Extract<SecretSource, { kind: 'app-configuration' }>;

export interface SecretReaderOptions extends AllowedVaults {
  /** Whether a setting of App Configuration may be the secret itself. */
  allowPlainSecrets: boolean;
  /** Whether anything is to be read beyond the environment. */
  needsIdentity: boolean;
}

/** Reads secrets, wherever they are; asks once for each. */
export class SecretReader {
  private readonly azure: { credential: AzureCredential; keyVault: KeyVault } | undefined;
  private readonly appConfigurations = new Map<string, AppConfiguration>();

  /** @throws ConfigInvalidError when AZURE_TOKEN_CREDENTIALS is none of its words. */
  constructor(private readonly options: SecretReaderOptions) {
    if (!options.needsIdentity) return;
    const credential = new AzureCredential();
    this.azure = { credential, keyVault: new KeyVault(credential, options.nodeEnv) };
  }

  /** Who this process is to Azure, for what needs no secret. */
  get credential(): AzureCredential {
    return this.reachAzure().credential;
  }

  /** @throws SecretError */
  async read(source: SecretSource, signal?: AbortSignal): Promise<string> {
    switch (source.kind) {
      case 'plain':
        return source.value;
      case 'key-vault':
        return this.reachAzure().keyVault.read(source, signal);
      case 'app-configuration':
        return this.readSetting(source, signal);
    }
  }

  private async readSetting(source: SettingSource, signal?: AbortSignal): Promise<string> {
    const { endpoint } = source;
    const { credential, keyVault } = this.reachAzure();
    let settings = this.appConfigurations.get(endpoint);
    if (settings === undefined) {
      settings = new AppConfiguration(endpoint, credential, this.options);
      this.appConfigurations.set(endpoint, settings);
    }
    const setting = await settings.read(source, signal);
    if (setting.kind === 'reference') return keyVault.read(setting.secret, signal);
    if (this.options.allowPlainSecrets) return setting.value;
    throw new SecretError(
      SecretErrorCode.Invalid,
      `${describeSource(source)} must be a Key Vault reference, or ALLOW_PLAIN_SECRETS=true be set`,
    );
  }

  private reachAzure() {
    if (this.azure === undefined) throw new Error('this reader was made for the environment alone');
    return this.azure;
  }
}
