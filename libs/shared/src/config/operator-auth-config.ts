import { IsIn, IsOptional, IsString } from 'class-validator';
import { EntraConfig, hasTenant } from './entra-config';
import { LOOPBACK, PermissionName, Rule, SecretName } from './rules';

const OPERATOR_AUTHS = ['none', 'basic', 'entra'] as const;

/** Whom the operators' listener of `apps/api` lets in. */
export class OperatorAuthConfig extends EntraConfig {
  /** Whatever `ALLOW_ANONYMOUS` says of callers: whoever gets here has the queries of all of them. */
  @IsString()
  @Rule<OperatorAuthConfig>(
    'isGuarded',
    'must be a loopback address while OPERATOR_AUTH=none: beyond it, set OPERATOR_AUTH to basic or entra',
    ({ operatorHost, operatorAuth }) => LOOPBACK.has(operatorHost) || operatorAuth !== 'none',
  )
  operatorHost: string = '127.0.0.1';

  /** Who may operate: anyone on this machine, the holders of keys, or those whom the tenant gives a role. */
  @IsIn(OPERATOR_AUTHS, { message: `must be one of ${OPERATOR_AUTHS.join(', ')}` })
  @Rule<OperatorAuthConfig>(
    'isIntended',
    'must be basic or entra when there are settings of either: none would ask nobody for a credential',
    ({ operatorAuth, ...config }) =>
      operatorAuth !== 'none' ||
      [config.operatorKeysFile, config.operatorKeysSecret, config.operatorRequiredRole].every(
        (value) => value === undefined,
      ),
  )
  @Rule<OperatorAuthConfig>(
    'hasKeys',
    'needs either OPERATOR_KEYS_FILE or OPERATOR_KEYS_SECRET when it is basic',
    ({ operatorAuth, operatorKeysFile, operatorKeysSecret }) =>
      operatorAuth !== 'basic' || (operatorKeysFile === undefined) !== (operatorKeysSecret === undefined),
  )
  @Rule<OperatorAuthConfig>(
    'hasVault',
    'needs KEY_VAULT_URL when it is basic and OPERATOR_KEYS_SECRET is given',
    ({ operatorAuth, operatorKeysSecret, keyVaultUrl }) =>
      operatorAuth !== 'basic' || operatorKeysSecret === undefined || keyVaultUrl !== undefined,
  )
  @Rule<OperatorAuthConfig>(
    'hasTenant',
    'needs both ENTRA_TENANT_ID and ENTRA_AUDIENCE when it is entra',
    (config) => config.operatorAuth !== 'entra' || hasTenant(config),
  )
  @Rule<OperatorAuthConfig>(
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
