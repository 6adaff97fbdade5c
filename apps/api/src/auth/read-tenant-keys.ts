import type { JSONWebKeySet } from 'jose' with { 'resolution-mode': 'import' };

/** As long as callers are promised an answer within. */
const TIME_LIMIT_MS = 2_000;

/**
 * The keys that a tenant publishes, as its OpenID Connect metadata has them at `jwks_uri`.
 *
 * @throws Error when it cannot be reached in time, or answers with anything but 200 and JSON.
 */
export async function readTenantKeys(authority: string, tenantId: string): Promise<JSONWebKeySet> {
  const answer = await fetch(new URL(`/${tenantId}/discovery/v2.0/keys`, authority), {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
  });
  if (!answer.ok) throw new Error(`the tenant answered ${answer.status}`);
  return (await answer.json()) as JSONWebKeySet;
}
