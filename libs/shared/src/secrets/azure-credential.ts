import { type AccessToken, DefaultAzureCredential, type GetTokenOptions, type TokenCredential } from '@azure/identity';
import { ConfigInvalidError } from '../config/parse-config';
import { orAborted } from '../process/retry';
import { toIdentityError } from './secret-error';

/** Retries are the caller's: the library would obey any `Retry-After`. */
const NO_RETRIES = { maxRetries: 0 };

/** Longer than what the library's own retries take, half a minute, where AZURE_TOKEN_CREDENTIALS names one credential. */
const LIMIT_MS = 60_000;

/**
 * Who this process is to Azure: what @azure/identity finds, which is a managed identity, a workload identity or the
 * AZURE_ variables of a service principal, and on a developer's machine their own sign-in. AZURE_TOKEN_CREDENTIALS
 * (`prod`, `dev` or the name of one credential) narrows the search; the library reads it itself.
 */
export class AzureCredential implements TokenCredential {
  private readonly found: DefaultAzureCredential;

  /** @throws ConfigInvalidError when AZURE_TOKEN_CREDENTIALS is none of the library's words. */
  constructor() {
    try {
      this.found = new DefaultAzureCredential({ retryOptions: NO_RETRIES });
    } catch (error) {
      // The only reason that its constructor has; the text would repeat the value.
      if (!(error instanceof Error) || !error.message.includes('AZURE_TOKEN_CREDENTIALS')) throw error;
      throw new ConfigInvalidError([
        'AZURE_TOKEN_CREDENTIALS must be prod, dev or the name of one credential, such as ManagedIdentityCredential',
      ]);
    }
  }

  /** @throws SecretError with the reason why there is no token. */
  async getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    // An endpoint that is silent would be waited for without end.
    const limit = AbortSignal.timeout(LIMIT_MS);
    try {
      return await orAborted(this.found.getToken(scopes, options), limit);
    } catch (error) {
      throw toIdentityError(error);
    }
  }
}
