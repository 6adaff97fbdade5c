import { IsOptional, IsUUID, Matches } from 'class-validator';
import { isLocalTrial, AsOrigin, readOrigin } from './addresses';
import { CommonConfig } from './common-config';
import { Rule } from './rules';

const ENTRA_AUTHORITY = 'https://login.microsoftonline.com';

/** Of the public cloud, Azure Government and Azure operated by 21Vianet (learn.microsoft.com, "National clouds"). */
const AUTHORITIES = [
  ENTRA_AUTHORITY,
  'https://login.microsoftonline.us',
  'https://login.partner.microsoftonline.cn',
] as const;

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
  @AsOrigin()
  @Rule<EntraConfig>(
    'isTrusted',
    `must be one of ${AUTHORITIES.join(', ')}, or, where NODE_ENV is not production, an origin at a loopback address`,
    ({ entraAuthority, nodeEnv }) =>
      AUTHORITIES.some((authority) => authority === entraAuthority) ||
      (readOrigin(entraAuthority) !== undefined && isLocalTrial(entraAuthority, nodeEnv)),
  )
  entraAuthority: string = ENTRA_AUTHORITY;
}

/** Whether there is all that a token is checked against, but for what its holder may do. */
export function hasTenant({ entraTenantId, entraAudience }: EntraConfig): boolean {
  return entraTenantId !== undefined && entraAudience !== undefined;
}
