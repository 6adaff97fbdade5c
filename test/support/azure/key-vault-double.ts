import { randomBytes } from 'node:crypto';
import { json } from 'node:stream/consumers';
import { isFor, type ScriptedServer, startScriptedServer } from './scripted-server';
import type { AuthorityFiles } from './share-test-authority';

/** Key Vault's "Get Secret" and "Set Secret" (learn.microsoft.com), for callers with a token for vaults. */
export interface KeyVaultDouble extends ScriptedServer {
  /** Adds a version, which is then the newest. @returns Its name. */
  set(name: string, value: string): string;
  delete(name: string): void;
}

const RESOURCE = 'https://vault.azure.net';

/** @param tls Certificate for https; absent: http. */
export async function startKeyVault(
  secrets: Record<string, string> = {},
  tls?: AuthorityFiles,
): Promise<KeyVaultDouble> {
  const versions = new Map<string, Map<string, string>>();
  const add = (name: string, value: string) => {
    const version = randomBytes(16).toString('hex');
    versions.set(name, (versions.get(name) ?? new Map<string, string>()).set(version, value));
    return version;
  };
  const server = await startScriptedServer((request, send) => {
    if (!isFor(RESOURCE, request.headers.authorization)) {
      const challenge = `Bearer authorization="https://login.windows.net/tenant", resource="${RESOURCE}"`;
      return send(401, { error: { code: 'Unauthorized' } }, { 'www-authenticate': challenge });
    }
    const [, collection, name = '', asked = ''] = new URL(request.url ?? '', server.url).pathname.split('/');
    if (request.method === 'PUT') {
      return void json(request).then((body) => {
        const { value } = body as { value: string };
        const attributes = { enabled: true, created: 1, updated: 1 };
        send(200, { value, id: `${server.url}/secrets/${name}/${add(name, value)}`, attributes });
      });
    }
    const known = versions.get(name);
    const version = asked || [...(known?.keys() ?? [])].at(-1);
    const value = collection === 'secrets' && version !== undefined ? known?.get(version) : undefined;
    if (value === undefined) return send(404, { error: { code: 'SecretNotFound', message: `no secret ${name}` } });
    const attributes = { enabled: true, created: 1, updated: 1 };
    return send(200, { value, id: `${server.url}/secrets/${name}/${version}`, attributes });
  }, tls);
  const double: KeyVaultDouble = {
    ...server,
    set: add,
    delete: (name) => void versions.delete(name),
  };
  for (const [name, value] of Object.entries(secrets)) double.set(name, value);
  return double;
}
