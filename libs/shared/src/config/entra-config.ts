import { IsOptional, IsUUID, Matches } from 'class-validator';
import { isLocalTrial } from '../secrets/is-local-trial';
import { CommonConfig } from './common-config';
import { Rule, UrlOf } from './rules';

const ENTRA_AUTHORITY = 'https://login.microsoftonline.com';

/** Which tenant of Microsoft Entra ID vouches for callers, operators or both. */
export class EntraConfig extends CommonConfig {
  @IsOptional()
  @IsUUID('all', { message: 'must be the id of a tenant, which is a UUID; its domain name will not do' })
  entraTenantId: string | undefined = undefined;

  /** What tokens must be made out to: the application (client) id of this service's registration. */
  @IsOptional()
  @Matches(/^[\x21-\x7e]{1,255}$/, { message: 'must be one word: the application id of this service' })
  entraAudience: string | undefined = undefined;

  /** Who issues the tokens. Whoever could point it elsewhere could let anyone in. */
  @UrlOf('http', 'https')
  @Rule<EntraConfig>(
    'isTrusted',
    `must be ${ENTRA_AUTHORITY}, or, where NODE_ENV is not production, at a loopback address`,
    ({ entraAuthority, nodeEnv }) => entraAuthority === ENTRA_AUTHORITY || isLocalTrial(entraAuthority, nodeEnv),
  )
  entraAuthority: string = ENTRA_AUTHORITY;
}

/** Whether there is all that a token is checked against, but for what its holder may do. */
export function hasTenant({ entraTenantId, entraAudience }: EntraConfig): boolean {
  return entraTenantId !== undefined && entraAudience !== undefined;
}
