import type { ApiConfig } from '#shared/config/api-config';
import { ConfigInvalidError } from '#shared/config/parse-config';
import { ApiKeyAuthenticator } from './api-key-authenticator';
import { ApiKeyListInvalidError } from './api-key-list';
import type { Authenticator } from './authenticator';
import { EntraAuthenticator } from './entra-authenticator';
import { readTenantKeys } from './read-tenant-keys';
import { TenantKeys } from './tenant-keys';
import { toListSource } from './to-list-source';
import { watchApiKeys } from './watch-api-keys';

/** Whose queries they are while nobody is asked who they are. */
const ANYONE: Authenticator = { authenticate: () => 'anonymous', problem: undefined, close() {} };

/**
 * The way to tell who calls that `AUTH_MODE` asks for.
 *
 * @throws ConfigInvalidError when the file of the list of keys cannot be read, or is not valid. A vault is waited for.
 */
export async function createAuthenticator(config: ApiConfig): Promise<Authenticator> {
  switch (config.authMode) {
    case 'none':
      return ANYONE;
    case 'api-key':
      return createApiKeyAuthenticator(config);
    case 'entra':
      return createEntraAuthenticator(config);
  }
}

async function createApiKeyAuthenticator(config: ApiConfig): Promise<Authenticator> {
  const source = toListSource(config);
  try {
    const { keys, close } = await watchApiKeys(source);
    return new ApiKeyAuthenticator(keys, close);
  } catch (error) {
    if (error instanceof ApiKeyListInvalidError) {
      throw new ConfigInvalidError(error.problems.map((problem) => `${source.name}: ${problem}`));
    }
    const { code, name } = error as NodeJS.ErrnoException;
    throw new ConfigInvalidError([`${source.name} must be a file that can be read (${code ?? name})`]);
  }
}

function createEntraAuthenticator(config: ApiConfig): Authenticator {
  const { entraAuthority, entraAudience: audience = '' } = config;
  // As tokens have it.
  const tenantId = (config.entraTenantId ?? '').toLowerCase();
  return new EntraAuthenticator(new TenantKeys(() => readTenantKeys(entraAuthority, tenantId)), {
    tenantId,
    issuer: new URL(`/${tenantId}/v2.0`, entraAuthority).href,
    audience,
    requiredRole: config.entraRequiredRole,
    requiredScope: config.entraRequiredScope,
  });
}
