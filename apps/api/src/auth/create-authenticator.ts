import type { ApiConfig } from '#shared/config/api-config';
import { ANYONE_HERE, ANONYMOUS, type Authenticator } from './authenticator';
import { createEntraAuthenticator } from './entra-authenticator';
import { openApiKeys } from './open-api-keys';
import { ApiKeyAuthenticator } from './api-key-authenticator';
import { BasicAuthenticator } from './basic-authenticator';

/** Accepts every request, under any Host: with this setting the listener is meant to be reached from other machines. */
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
