import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file of API keys, in a temporary folder. */
export interface ApiKeyFile {
  path: string;
  /** Variables with which the service reads the file. */
  env: Record<string, string>;
  /** Replaces the file atomically, as mounted secrets are replaced. */
  write(keys: Record<string, string[]>): Promise<void>;
  /** Like `write`, with any text. */
  writeText(text: string): Promise<void>;
  remove(): Promise<void>;
}

export function createKey(): string {
  return `aq_${randomBytes(32).toString('base64url')}`;
}

/** @param keys The keys of each caller. */
export function toKeyList(keys: Record<string, string[]>): string {
  const toEntry = (caller: string, key: string) => ({ caller, sha256: createHash('sha256').update(key).digest('hex') });
  return JSON.stringify(Object.entries(keys).flatMap(([caller, all]) => all.map((key) => toEntry(caller, key))));
}

export async function createApiKeyFile(keys: Record<string, string[]>): Promise<ApiKeyFile> {
  const folder = await mkdtemp(join(tmpdir(), 'audit-query-'));
  const path = join(folder, 'keys.json');
  const writeText = async (text: string) => {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  };
  await writeText(toKeyList(keys));
  return {
    path,
    env: { AUTH_MODE: 'api-key', API_KEYS_FILE: path },
    write: (next) => writeText(toKeyList(next)),
    writeText,
    remove: () => rm(folder, { recursive: true }),
  };
}
