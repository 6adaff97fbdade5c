import type { IncomingHttpHeaders } from 'node:http';
import { Logger } from '@nestjs/common';
import type { JWTPayload } from 'jose' with { 'resolution-mode': 'import' };
import { OnceAMinute } from '../http/once-a-minute';
import { ProblemError } from '../http/problem-error';
import type { Authenticator, Credential } from './authenticator';
import { readBearer, refuseForbidden, refuseUnauthenticated } from './bearer';
import { TenantKeys, TenantKeysUnavailableError, readTenantKeys } from './tenant-keys';
import type { ApiConfig } from '#shared/config/api-config';

/** What the clocks of two machines may differ by. */
const CLOCK_TOLERANCE_SECONDS = 60;

/** The form of the ids of tenants, users and applications. */
export const OBJECT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Why a claim is refused; of any other one nothing is said. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ['iss', 'The token is not of the issuer that is asked for, version 2.0.'],
  ['aud', 'The token is not made out to this service.'],
  ['exp', 'The token has expired.'],
  ['nbf', 'The token is not valid yet.'],
]);

export interface TokenRules {
  tenantId: string;
  issuer: string;
  audience: string;
  /** One of the two has to be there, and one is enough. */
  requiredRole: string | undefined;
  requiredScope: string | undefined;
}

/**
 * Accepts access tokens of one tenant of Microsoft Entra ID, version 2.0, for this service. The caller is
 * the object in the tenant, `oid`: of a user the same in all applications, of an application its service principal.
 */
export class EntraAuthenticator implements Authenticator {
  /** Readiness does not depend on the tenant: known keys still work while it cannot be reached. */
  readonly problem = undefined;

  private readonly logger = new Logger(EntraAuthenticator.name);
  private readonly unforeseen = new OnceAMinute();

  constructor(
    private readonly keys: TenantKeys,
    private readonly rules: TokenRules,
  ) {}

  async authenticate({ authorization }: IncomingHttpHeaders): Promise<Credential> {
    const token = readBearer(authorization);
    if (token === undefined) throw refuseUnauthenticated();
    const { tid, oid, azp, roles, scp, exp = 0 } = await this.verify(token);
    const { tenantId, requiredRole, requiredScope } = this.rules;
    if (tid !== tenantId) throw refuseUnauthenticated('The token is not of the tenant that is asked for.');
    // Identity tokens, which say who somebody is and not what a client may do, have no `azp`.
    if (typeof oid !== 'string' || !OBJECT_ID.test(oid) || typeof azp !== 'string') {
      throw refuseUnauthenticated('The token is not an access token of version 2.0.');
    }
    const hasRole = requiredRole !== undefined && Array.isArray(roles) && roles.includes(requiredRole);
    const hasScope = requiredScope !== undefined && typeof scp === 'string' && scp.split(' ').includes(requiredScope);
    if (!hasRole && !hasScope) throw refuseForbidden(requiredScope);
    // As long as a new request with the token is accepted: otherwise its client resumes a stream only to lose it again.
    const expiresAt = (exp + CLOCK_TOLERANCE_SECONDS) * 1_000;
    return { caller: `entra:${tid}/${oid.toLowerCase()}`, expiresAt, isStillValid: () => Date.now() < expiresAt };
  }

  close(): void {}

  private async verify(token: string): Promise<JWTPayload> {
    const { jwtVerify } = await import('jose');
    try {
      const { payload } = await jwtVerify(token, (header, jws) => this.keys.find(header, jws), {
        issuer: this.rules.issuer,
        audience: this.rules.audience,
        // The one that Entra ID signs with. Others could be made with what is public.
        algorithms: ['RS256'],
        requiredClaims: ['exp', 'nbf', 'tid'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
      return payload;
    } catch (error) {
      throw this.toProblem(error);
    }
  }

  private toProblem(cause: unknown): ProblemError {
    if (cause instanceof TenantKeysUnavailableError) {
      const headers = { 'Retry-After': String(cause.retryAfterSeconds) };
      return new ProblemError('AUTH_UNAVAILABLE', { headers, cause });
    }
    const { code, claim, reason } = cause as { code?: string; claim?: string; reason?: string };
    // Whatever a token is made of, it is the token's fault; but one that is not foreseen is worth a log entry.
    if (code === undefined && this.unforeseen.isDue('')) this.logger.warn(`a token was refused: ${String(cause)}`);
    if (reason === 'missing') return refuseUnauthenticated('The token lacks a claim that is asked for.', cause);
    return refuseUnauthenticated(REASONS.get(claim ?? '') ?? 'The token is not valid.', cause);
  }
}

type Permission = Pick<TokenRules, 'requiredRole' | 'requiredScope'>;

/** Accepts tokens of the configured tenant that have this role or scope. */
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
