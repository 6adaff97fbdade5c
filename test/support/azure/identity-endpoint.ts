import { randomUUID } from 'node:crypto';
import { type ScriptedServer, startScriptedServer } from './scripted-server';

/** The managed identity of App Service and Container Apps (learn.microsoft.com, "REST endpoint reference"). */
export interface IdentityEndpoint extends ScriptedServer {
  /** Variables with the address of the endpoint. */
  env: Record<string, string>;
}

const LIFETIME_SECONDS = 3_600;

export async function startIdentityEndpoint(): Promise<IdentityEndpoint> {
  const secret = randomUUID();
  const server = await startScriptedServer((request, send) => {
    const { searchParams } = new URL(request.url ?? '', 'http://127.0.0.1');
    const resource = searchParams.get('resource');
    if (request.headers['x-identity-header'] !== secret || resource === null) return send(401, {});
    return send(200, {
      access_token: toToken(resource),
      expires_on: String(toSeconds(Date.now()) + LIFETIME_SECONDS),
      ...{ resource, token_type: 'Bearer' },
    });
  });
  const env = {
    IDENTITY_ENDPOINT: `${server.url}/token`,
    IDENTITY_HEADER: secret,
    AZURE_TOKEN_CREDENTIALS: 'prod',
  };
  return { ...server, env };
}

/** A JSON Web Token for the resource without a valid signature: the doubles check the claims alone. */
function toToken(resource: string): string {
  const now = toSeconds(Date.now());
  const claims = {
    aud: resource,
    iss: `https://sts.windows.net/${randomUUID()}/`,
    ...{ iat: now - 60, nbf: now - 60, exp: now + LIFETIME_SECONDS },
  };
  return [{ alg: 'RS256', typ: 'JWT' }, claims, 'signature']
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
}

function toSeconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
