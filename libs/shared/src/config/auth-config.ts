import { IsIn, IsOptional, IsString, IsUUID, Matches } from 'class-validator';
import { AsOrigin, readOrigin } from './base-url';
import type { CommonConfig } from './common-config';
import { isLocalTrial, LOOPBACK } from './loopback';
import { Flag, PermissionName, Rule, SecretName } from './rules';

/** The members that the rules of this file read. */
type AuthMembers = CommonConfig & EntraConfig & OperatorAuthConfig & CallerAuthConfig;

const ENTRA_AUTHORITY = 'https://login.microsoftonline.com';

/** Of the public cloud, Azure Government and Azure operated by 21Vianet (learn.microsoft.com, "National clouds"). */
const AUTHORITIES = [
  ENTRA_AUTHORITY,
  'https://login.microsoftonline.us',
  'https://login.partner.microsoftonline.cn',
] as const;

/** Which tenant of Microsoft Entra ID vouches for callers, operators or both. */
export class EntraConfig {
  @IsOptional()
  @IsUUID('all', { message: 'must be the id of a tenant, which is a UUID; its domain name will not do' })
  entraTenantId: string | undefined = undefined;

  /** What tokens must be made out to: the application (client) id of this service's registration. */
  @IsOptional()
  @Matches(/^[\x21-\x7e]{1,255}$/, { message: 'must be one word: the application id of this service' })
  entraAudience: string | undefined = undefined;

  /** The issuer of tokens. A foreign issuer could admit anyone, so only known ones are valid. */
  @AsOrigin()
  @Rule<AuthMembers>(
    'isTrusted',
    `must be one of ${AUTHORITIES.join(', ')}, or, where NODE_ENV is not production, an origin at a loopback address`,
    ({ entraAuthority, nodeEnv }) =>
      AUTHORITIES.some((authority) => authority === entraAuthority) ||
      (readOrigin(entraAuthority) !== undefined && isLocalTrial(entraAuthority, nodeEnv)),
  )
  entraAuthority: string = ENTRA_AUTHORITY;
}

/** Whether the settings that every token is checked against are complete; permissions apart. */
function hasTenant({ entraTenantId, entraAudience }: EntraConfig): boolean {
  return entraTenantId !== undefined && entraAudience !== undefined;
}

const OPERATOR_AUTHS = ['none', 'basic', 'entra'] as const;

/** Who may use the operators' listener of `apps/api`. */
export class OperatorAuthConfig {
  /** Independent of `ALLOW_ANONYMOUS`, which is about callers: an operator has the queries of all of them. */
  @IsString()
  @Rule<AuthMembers>(
    'isGuarded',
    'must be a loopback address while OPERATOR_AUTH=none: beyond it, set OPERATOR_AUTH to basic or entra',
    ({ operatorHost, operatorAuth }) => LOOPBACK.has(operatorHost) || operatorAuth !== 'none',
  )
  operatorHost: string = '127.0.0.1';

  /** Who may operate: anyone on this machine, the holders of keys, or those with a role of the tenant. */
  @IsIn(OPERATOR_AUTHS, { message: `must be one of ${OPERATOR_AUTHS.join(', ')}` })
  @Rule<AuthMembers>(
    'isIntended',
    'must be basic or entra when there are settings of either: none would ask nobody for a credential',
    ({ operatorAuth, ...config }) =>
      operatorAuth !== 'none' ||
      [config.operatorKeysFile, config.operatorKeysSecret, config.operatorRequiredRole].every(
        (value) => value === undefined,
      ),
  )
  @Rule<AuthMembers>(
    'hasKeys',
    'needs either OPERATOR_KEYS_FILE or OPERATOR_KEYS_SECRET when it is basic',
    ({ operatorAuth, operatorKeysFile, operatorKeysSecret }) =>
      operatorAuth !== 'basic' || (operatorKeysFile === undefined) !== (operatorKeysSecret === undefined),
  )
  @Rule<AuthMembers>(
    'hasVault',
    'needs KEY_VAULT_URL when it is basic and OPERATOR_KEYS_SECRET is given',
    ({ operatorAuth, operatorKeysSecret, keyVaultUrl }) =>
      operatorAuth !== 'basic' || operatorKeysSecret === undefined || keyVaultUrl !== undefined,
  )
  @Rule<AuthMembers>(
    'hasTenant',
    'needs both ENTRA_TENANT_ID and ENTRA_AUDIENCE when it is entra',
    (config) => config.operatorAuth !== 'entra' || hasTenant(config),
  )
  @Rule<AuthMembers>(
    'hasRole',
    'needs OPERATOR_REQUIRED_ROLE when it is entra: without, every application of the tenant could manage all queries',
    ({ operatorAuth, operatorRequiredRole }) => operatorAuth !== 'entra' || operatorRequiredRole !== undefined,
  )
  operatorAuth: (typeof OPERATOR_AUTHS)[number] = 'none';

  /** A JSON file with the digests of the operators' keys, of the form of `API_KEYS_FILE`. */
  @IsOptional()
  operatorKeysFile: string | undefined = undefined;

  /** The name of the vault's secret that is such a list. */
  @IsOptional()
  @SecretName()
  operatorKeysSecret: string | undefined = undefined;

  /** The app role that an operator's token must have in `roles`. */
  @IsOptional()
  @PermissionName()
  operatorRequiredRole: string | undefined = undefined;
}

const AUTH_MODES = ['none', 'api-key', 'entra'] as const;

/** Who may use the callers' listener of `apps/api`. */
export class CallerAuthConfig {
  /** Who may call: anyone, the holders of keys, or those with a token of a tenant of Microsoft Entra ID. */
  @IsIn(AUTH_MODES, { message: `must be one of ${AUTH_MODES.join(', ')}` })
  @Rule<AuthMembers>(
    'isIntended',
    'must be api-key or entra when there are settings of either: none would ask nobody for a credential',
    (config) => config.authMode !== 'none' || !(hasKeys(config) || hasEntra(config)),
  )
  @Rule<AuthMembers>(
    'hasKeys',
    'needs either API_KEYS_FILE or API_KEYS_SECRET when it is api-key',
    (config) =>
      config.authMode !== 'api-key' || (config.apiKeysFile === undefined) !== (config.apiKeysSecret === undefined),
  )
  @Rule<AuthMembers>(
    'hasVault',
    'needs KEY_VAULT_URL when it is api-key and API_KEYS_SECRET is given',
    ({ authMode, apiKeysSecret, keyVaultUrl }) =>
      authMode !== 'api-key' || apiKeysSecret === undefined || keyVaultUrl !== undefined,
  )
  @Rule<AuthMembers>(
    'hasTenant',
    'needs both ENTRA_TENANT_ID and ENTRA_AUDIENCE when it is entra',
    (config) => config.authMode !== 'entra' || hasTenant(config),
  )
  @Rule<AuthMembers>(
    'hasPermission',
    'needs ENTRA_REQUIRED_ROLE or ENTRA_REQUIRED_SCOPE when it is entra: without, every application of the tenant could call',
    ({ authMode, entraRequiredRole, entraRequiredScope }) =>
      authMode !== 'entra' || entraRequiredRole !== undefined || entraRequiredScope !== undefined,
  )
  authMode: (typeof AUTH_MODES)[number] = 'none';

  @Flag()
  @Rule<AuthMembers>(
    'isNoContradiction',
    'must not be true together with AUTH_MODE=api-key or AUTH_MODE=entra: it says that anyone may call',
    ({ authMode, allowAnonymous }) => authMode === 'none' || !allowAnonymous,
  )
  allowAnonymous: boolean = false;

  /** A JSON file with the digests of the keys: see `parseApiKeyList`. */
  @IsOptional()
  @Rule<AuthMembers>(
    'isOfCallers',
    'must not be OPERATOR_KEYS_FILE: every caller would be an operator',
    ({ apiKeysFile, operatorKeysFile }) => apiKeysFile !== operatorKeysFile,
  )
  apiKeysFile: string | undefined = undefined;

  /** The name of the vault's secret that is such a list. */
  @IsOptional()
  @SecretName()
  @Rule<AuthMembers>(
    'isOfCallers',
    'must not be OPERATOR_KEYS_SECRET: every caller would be an operator',
    ({ apiKeysSecret, operatorKeysSecret }) => apiKeysSecret !== operatorKeysSecret,
  )
  apiKeysSecret: string | undefined = undefined;

  /** One of the two is enough: the app role in `roles`, or the delegated scope in `scp`. */
  @IsOptional()
  @PermissionName()
  @Rule<AuthMembers>(
    'isOfCallers',
    'must not be OPERATOR_REQUIRED_ROLE: every caller would be an operator',
    ({ entraRequiredRole, operatorRequiredRole }) => entraRequiredRole !== operatorRequiredRole,
  )
  entraRequiredRole: string | undefined = undefined;

  @IsOptional()
  @PermissionName()
  entraRequiredScope: string | undefined = undefined;
}

function hasKeys({ apiKeysFile, apiKeysSecret }: CallerAuthConfig): boolean {
  return apiKeysFile !== undefined || apiKeysSecret !== undefined;
}

/** The tenant's own settings may be there for the operators alone. */
function hasEntra(config: AuthMembers): boolean {
  const { operatorAuth, entraTenantId, entraAudience, entraRequiredRole, entraRequiredScope } = config;
  const shared = operatorAuth === 'entra' ? [] : [entraTenantId, entraAudience];
  return [...shared, entraRequiredRole, entraRequiredScope].some((value) => value !== undefined);
}
