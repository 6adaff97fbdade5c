import type { ApiConfig } from '#shared/config/api-config';
import { EntraAuthenticator, type TokenRules } from './entra-authenticator';
import { readTenantKeys } from './read-tenant-keys';
import { TenantKeys } from './tenant-keys';

type Permission = Pick<TokenRules, 'requiredRole' | 'requiredScope'>;

/** Lets in whom the configured tenant vouches for, with this role or scope. */
export function createEntraAuthenticator(config: ApiConfig, permission: Permission): EntraAuthenticator {
  const { entraAuthority, entraAudience: audience = '' } = config;
  // As tokens have it.
  const tenantId = (config.entraTenantId ?? '').toLowerCase();
  return new EntraAuthenticator(new TenantKeys(() => readTenantKeys(entraAuthority, tenantId)), {
    tenantId,
    issuer: new URL(`/${tenantId}/v2.0`, entraAuthority).href,
    audience,
    ...permission,
  });
}
