import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestAuthority } from './create-test-authority';

const FOLDER_VARIABLE = 'AUDIT_QUERY_TEST_AUTHORITY';

/** Of the doubles that speak https, as files. */
export interface AuthorityFiles {
  certFile: string;
  keyFile: string;
}

/**
 * Makes one authority for all suites of a run, which are set up one beside the other in this process, and has every
 * process that is started from now on trust it. Gone when this process ends.
 */
export function shareTestAuthority(): AuthorityFiles {
  const known = process.env[FOLDER_VARIABLE];
  const folder = known ?? mkdtempSync(join(tmpdir(), 'audit-query-authority-'));
  const files = { certFile: join(folder, 'authority.pem'), keyFile: join(folder, 'key.pem') };
  if (known !== undefined) return files;
  const { cert, key } = createTestAuthority();
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key);
  // Node reads one file when it starts: what it should trust anyway has to be in it, too.
  const trustedFile = join(folder, 'trusted.pem');
  const { NODE_EXTRA_CA_CERTS: before } = process.env;
  writeFileSync(trustedFile, before ? `${readFileSync(before, 'utf8')}\n${cert}` : cert);
  process.env['NODE_EXTRA_CA_CERTS'] = trustedFile;
  process.env[FOLDER_VARIABLE] = folder;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return files;
}
