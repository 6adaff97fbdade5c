import { randomUUID } from 'node:crypto';
import { type ScriptedServer, startScriptedServer } from './scripted-server';

/** A tenant of Microsoft Entra ID: it publishes keys and issues access tokens. */
export interface EntraDouble extends ScriptedServer {
  tenantId: string;
  /** Variables with which the service uses this tenant. */
  env: Record<string, string>;
  /**
   * An access token of version 2.0 for an application that has the role (learn.microsoft.com, "Access token claims
   * reference").
   *
   * @param claims Replace the default claims; undefined removes one.
   * @param header Replaces members of the header in the same way.
   */
  sign(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  /** The published key. */
  publicKey(): Promise<string>;
  /** Replaces the signing key and the published key. */
  rotate(): Promise<void>;
}

export const AUDIENCE = '6e74172b-be56-4843-9ff4-e66a39bb12e3';
export const ROLE = 'Queries.Submit';
export const SCOPE = 'queries.use';

export async function startEntra(): Promise<EntraDouble> {
  const { exportJWK, exportSPKI, generateKeyPair, SignJWT } = await import('jose');
  const tenantId = randomUUID();
  const create = async () => ({ kid: randomUUID(), ...(await generateKeyPair('RS256')) });
  let current = await create();
  const server = await startScriptedServer((request, send) => {
    if (request.url !== `/${tenantId}/discovery/v2.0/keys`) return send(404, {});
    const { kid, publicKey } = current;
    return void exportJWK(publicKey).then((jwk) => send(200, { keys: [{ ...jwk, kid, use: 'sig' }] }));
  });
  const env = {
    AUTH_MODE: 'entra',
    ENTRA_TENANT_ID: tenantId,
    ENTRA_AUDIENCE: AUDIENCE,
    ENTRA_REQUIRED_ROLE: ROLE,
    ENTRA_REQUIRED_SCOPE: SCOPE,
    ENTRA_AUTHORITY: server.url,
  };
  return {
    ...server,
    tenantId,
    env,
    async sign(claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const usual = {
        iss: `${server.url}/${tenantId}/v2.0`,
        aud: AUDIENCE,
        ...{ iat: now, nbf: now, exp: now + 3_600 },
        tid: tenantId,
        oid: '2b8a4d0e-6f53-4f5c-9a3e-0a4a54c0c7a1',
        azp: '14d82eec-204b-4c2f-b7e8-296a70dab67e',
        roles: [ROLE],
        ver: '2.0',
      };
      return new SignJWT({ ...usual, ...claims })
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: current.kid, ...header })
        .sign(current.privateKey);
    },
    publicKey: () => exportSPKI(current.publicKey),
    async rotate() {
      current = await create();
    },
  };
}
