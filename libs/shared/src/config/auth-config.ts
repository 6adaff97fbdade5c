import { IsIn, IsOptional, IsUUID, Matches } from 'class-validator';
import { isLocalTrial } from '../secrets/is-local-trial';
import { CommonConfig } from './common-config';
import { Flag, Rule, UrlOf } from './rules';

const AUTH_MODES = ['none', 'api-key', 'entra'] as const;

const ENTRA_AUTHORITY = 'https://login.microsoftonline.com';

/** What RFC 6749 (3.3) lets a scope be made of; a role goes the same way, into a list of such. */
const SCOPE = { pattern: /^[\x21\x23-\x5b\x5d-\x7e]{1,120}$/, message: 'must be one word, without quotation marks' };

/** Whom `apps/api` lets in. */
export class AuthConfig extends CommonConfig {
  /** Who may call: anyone, the holders of keys, or those whom a tenant of Microsoft Entra ID vouches for. */
  @IsIn(AUTH_MODES, { message: `must be one of ${AUTH_MODES.join(', ')}` })
  @Rule<AuthConfig>(
    'isIntended',
    'must be api-key or entra when there are settings of either: none would ask nobody for a credential',
    (config) => config.authMode !== 'none' || !(hasKeys(config) || hasEntra(config)),
  )
  @Rule<AuthConfig>(
    'hasKeys',
    'needs either API_KEYS_FILE or API_KEYS_SECRET when it is api-key',
    (config) =>
      config.authMode !== 'api-key' || (config.apiKeysFile === undefined) !== (config.apiKeysSecret === undefined),
  )
  @Rule<AuthConfig>(
    'hasVault',
    'needs KEY_VAULT_URL when it is api-key and API_KEYS_SECRET is given',
    ({ authMode, apiKeysSecret, keyVaultUrl }) =>
      authMode !== 'api-key' || apiKeysSecret === undefined || keyVaultUrl !== undefined,
  )
  @Rule<AuthConfig>(
    'hasTenant',
    'needs both ENTRA_TENANT_ID and ENTRA_AUDIENCE when it is entra',
    ({ authMode, entraTenantId, entraAudience }) =>
      authMode !== 'entra' || (entraTenantId !== undefined && entraAudience !== undefined),
  )
  @Rule<AuthConfig>(
    'hasPermission',
    'needs ENTRA_REQUIRED_ROLE or ENTRA_REQUIRED_SCOPE when it is entra: without, every application of the tenant could call',
    ({ authMode, entraRequiredRole, entraRequiredScope }) =>
      authMode !== 'entra' || entraRequiredRole !== undefined || entraRequiredScope !== undefined,
  )
  authMode: (typeof AUTH_MODES)[number] = 'none';

  @Flag()
  @Rule<AuthConfig>(
    'isNoContradiction',
    'must not be true together with AUTH_MODE=api-key or AUTH_MODE=entra: it says that anyone may call',
    ({ authMode, allowAnonymous }) => authMode === 'none' || !allowAnonymous,
  )
  allowAnonymous: boolean = false;

  /** A JSON file with the digests of the keys: see `parseApiKeyList`. */
  @IsOptional()
  apiKeysFile: string | undefined = undefined;

  /** The name of the vault's secret that is such a list. */
  @IsOptional()
  @Matches(/^[A-Za-z0-9-]{1,127}$/, { message: 'must be the name of a secret: letters, digits and dashes' })
  apiKeysSecret: string | undefined = undefined;

  @IsOptional()
  @IsUUID('all', { message: 'must be the id of a tenant, which is a UUID; its domain name will not do' })
  entraTenantId: string | undefined = undefined;

  /** What tokens must be made out to: the application (client) id of this service's registration. */
  @IsOptional()
  @Matches(/^[\x21-\x7e]{1,255}$/, { message: 'must be one word: the application id of this service' })
  entraAudience: string | undefined = undefined;

  /** One of the two is enough: the app role in `roles`, or the delegated scope in `scp`. */
  @IsOptional()
  @Matches(SCOPE.pattern, { message: SCOPE.message })
  entraRequiredRole: string | undefined = undefined;

  @IsOptional()
  @Matches(SCOPE.pattern, { message: SCOPE.message })
  entraRequiredScope: string | undefined = undefined;

  /** Who issues the tokens. Whoever could point it elsewhere could let anyone in. */
  @UrlOf('http', 'https')
  @Rule<AuthConfig>(
    'isTrusted',
    `must be ${ENTRA_AUTHORITY}, or, where NODE_ENV is not production, at a loopback address`,
    ({ entraAuthority, nodeEnv }) => entraAuthority === ENTRA_AUTHORITY || isLocalTrial(entraAuthority, nodeEnv),
  )
  entraAuthority: string = ENTRA_AUTHORITY;
}

function hasKeys({ apiKeysFile, apiKeysSecret }: AuthConfig): boolean {
  return apiKeysFile !== undefined || apiKeysSecret !== undefined;
}

function hasEntra({ entraTenantId, entraAudience, entraRequiredRole, entraRequiredScope }: AuthConfig): boolean {
  return [entraTenantId, entraAudience, entraRequiredRole, entraRequiredScope].some((value) => value !== undefined);
}
