import { isFor, type ScriptedServer, startScriptedServer } from './scripted-server';
import type { AuthorityFiles } from './share-test-authority';

const RESOURCE = 'https://appconfig.azure.com';
const REFERENCE_TYPE = 'application/vnd.microsoft.appconfig.keyvaultref+json;charset=utf-8';
const KEY_VALUE_TYPE = 'application/vnd.microsoft.appconfig.kv+json;charset=utf-8';

/** App Configuration's "Get key-value" (learn.microsoft.com), for callers with a token for it. */
export interface AppConfigurationDouble extends ScriptedServer {
  /** A reference to the secret at `url`. */
  setReference(key: string, url: string): void;
  setPlain(key: string, value: string): void;
}

/** All settings have the label `async-http-api`. */
export async function startAppConfiguration(tls: AuthorityFiles): Promise<AppConfigurationDouble> {
  const settings = new Map<string, { value: string; content_type: string }>();
  const server = await startScriptedServer((request, send) => {
    if (!isFor(RESOURCE, request.headers.authorization)) return send(401, { title: 'Unauthorized' });
    const { pathname, searchParams } = new URL(request.url ?? '', server.url);
    const key = decodeURIComponent(/^\/kv\/([^/]+)$/.exec(pathname)?.[1] ?? '');
    const label = searchParams.get('label');
    const setting = label === 'async-http-api' ? settings.get(key) : undefined;
    if (setting === undefined) return send(404, { title: 'Not found' });
    const more = { etag: 'e', last_modified: new Date(0).toISOString(), locked: false, tags: {} };
    return send(200, { key, label, ...setting, ...more }, { 'content-type': KEY_VALUE_TYPE, etag: '"e"' });
  }, tls);
  return {
    ...server,
    setReference: (key, url) =>
      void settings.set(key, { value: JSON.stringify({ uri: url }), content_type: REFERENCE_TYPE }),
    setPlain: (key, value) => void settings.set(key, { value, content_type: '' }),
  };
}
