import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A list of keys as docs/operators.md has it made, with one operator in it. */
export interface OperatorKeys {
  file: string;
  authorization: string;
  remove(): void;
}

export function createOperatorKeys(): OperatorKeys {
  const text = execFileSync(process.execPath, ['apps/api/create-api-key.mjs', 'alice'], { encoding: 'utf8' });
  const [key] = /\baq_\S+/.exec(text) ?? [];
  const [entry] = /\{.*\}/.exec(text) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'audit-query-operators-'));
  const file = join(folder, 'operators.json');
  writeFileSync(file, `[${entry}]`, { mode: 0o644 });
  return {
    file,
    authorization: `Basic ${Buffer.from(`alice:${key}`).toString('base64')}`,
    remove: () => rmSync(folder, { recursive: true }),
  };
}
