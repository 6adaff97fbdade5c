import type { ApiConfig } from '#shared/config/api-config';
import { ANYONE_HERE, type Authenticator } from '../../auth/authenticator';
import { createEntraAuthenticator } from '../../auth/entra-authenticator';
import { openApiKeys } from '../../auth/open-api-keys';
import { BasicAuthenticator } from './basic-authenticator';

/**
 * The way to tell who operates the service that `OPERATOR_AUTH` asks for.
 *
 * @throws ConfigInvalidError when the file of the list of keys cannot be read, or is not valid. A vault is waited for.
 */
export async function createOperatorAuthenticator(config: ApiConfig): Promise<Authenticator> {
  switch (config.operatorAuth) {
    case 'none':
      return ANYONE_HERE;
    case 'basic':
      return createBasicAuthenticator(config);
    case 'entra':
      // Never a scope: it would be enough, and says what a client may do, not what its user may.
      return createEntraAuthenticator(config, { requiredRole: config.operatorRequiredRole, requiredScope: undefined });
  }
}

async function createBasicAuthenticator(config: ApiConfig): Promise<Authenticator> {
  const { operatorKeysFile: file, operatorKeysSecret: secret } = config;
  const { keys, close } = await openApiKeys({ variables: 'OPERATOR_KEYS', file, secret }, config);
  return new BasicAuthenticator(keys, close);
}
