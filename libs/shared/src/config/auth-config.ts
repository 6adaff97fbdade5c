import { IsIn, IsOptional } from 'class-validator';
import { hasTenant } from './entra-config';
import { OperatorAuthConfig } from './operator-auth-config';
import { Flag, PermissionName, Rule, SecretName } from './rules';

const AUTH_MODES = ['none', 'api-key', 'entra'] as const;

/** Whom `apps/api` lets in, at the callers' listener too. */
export class AuthConfig extends OperatorAuthConfig {
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
    (config) => config.authMode !== 'entra' || hasTenant(config),
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
  @Rule<AuthConfig>(
    'isOfCallers',
    'must not be OPERATOR_KEYS_FILE: every caller would be an operator',
    ({ apiKeysFile, operatorKeysFile }) => apiKeysFile !== operatorKeysFile,
  )
  apiKeysFile: string | undefined = undefined;

  /** The name of the vault's secret that is such a list. */
  @IsOptional()
  @SecretName()
  @Rule<AuthConfig>(
    'isOfCallers',
    'must not be OPERATOR_KEYS_SECRET: every caller would be an operator',
    ({ apiKeysSecret, operatorKeysSecret }) => apiKeysSecret !== operatorKeysSecret,
  )
  apiKeysSecret: string | undefined = undefined;

  /** One of the two is enough: the app role in `roles`, or the delegated scope in `scp`. */
  @IsOptional()
  @PermissionName()
  @Rule<AuthConfig>(
    'isOfCallers',
    'must not be OPERATOR_REQUIRED_ROLE: every caller would be an operator',
    ({ entraRequiredRole, operatorRequiredRole }) => entraRequiredRole !== operatorRequiredRole,
  )
  entraRequiredRole: string | undefined = undefined;

  @IsOptional()
  @PermissionName()
  entraRequiredScope: string | undefined = undefined;
}

function hasKeys({ apiKeysFile, apiKeysSecret }: AuthConfig): boolean {
  return apiKeysFile !== undefined || apiKeysSecret !== undefined;
}

/** The tenant's own settings may be there for the operators alone. */
function hasEntra(config: AuthConfig): boolean {
  const { operatorAuth, entraTenantId, entraAudience, entraRequiredRole, entraRequiredScope } = config;
  const shared = operatorAuth === 'entra' ? [] : [entraTenantId, entraAudience];
  return [...shared, entraRequiredRole, entraRequiredScope].some((value) => value !== undefined);
}
