import type { ApiConfig } from '#shared/config/api-config';
import { ANYONE_HERE, ANONYMOUS, type Authenticator } from '../../auth/authenticator';
import { createEntraAuthenticator } from '../../auth/entra-authenticator';
import { openApiKeys } from '../../auth/open-api-keys';
import { ApiKeyAuthenticator } from './api-key-authenticator';

/** Anyone who gets here, by whatever name: whoever allows that has made the listener known beyond this machine. */
const ANYONE: Authenticator = { authenticate: () => ANONYMOUS, problem: undefined, close() {} };

/**
 * The way to tell who calls that `AUTH_MODE` asks for.
 *
 * @throws ConfigInvalidError when the file of the list of keys cannot be read, or is not valid. A vault is waited for.
 */
export async function createAuthenticator(config: ApiConfig): Promise<Authenticator> {
  switch (config.authMode) {
    case 'none':
      return config.allowAnonymous ? ANYONE : ANYONE_HERE;
    case 'api-key':
      return createApiKeyAuthenticator(config);
    case 'entra':
      return createEntraAuthenticator(config, {
        requiredRole: config.entraRequiredRole,
        requiredScope: config.entraRequiredScope,
      });
  }
}

async function createApiKeyAuthenticator(config: ApiConfig): Promise<Authenticator> {
  const { apiKeysFile: file, apiKeysSecret: secret } = config;
  const { keys, close } = await openApiKeys({ variables: 'API_KEYS', file, secret }, config);
  return new ApiKeyAuthenticator(keys, close);
}
