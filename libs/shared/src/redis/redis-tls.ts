import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate } from 'node:tls';
import type { RedisAddress } from './redis-url';

/**
 * How a TLS connection to Redis is made; undefined where there is none.
 *
 * @param caFile Certificates of the authority that alone is trusted; without it, those that Node trusts.
 */
export function createRedisTls({ kind, isTls, hosts }: RedisAddress, caFile?: string): ConnectionOptions | undefined {
  if (!isTls) return undefined;
  const ca = caFile === undefined ? {} : { ca: readFileSync(caFile) };
  if (kind === 'server') return ca;
  const names = hosts.map(({ host }) => host);
  return { ...ca, checkServerIdentity: (host, certificate) => findMismatch([host, ...names], certificate) };
}

/** What is wrong with the file, as the end of a sentence that begins with the name of its variable. */
export function findCaFileProblem(file: string): string | undefined {
  try {
    new X509Certificate(readFileSync(file));
    return undefined;
  } catch {
    // Absent, not for us to read, or no certificate: which of them, whoever looks at the file sees.
    return 'must be a file that can be read and has a certificate in PEM';
  }
}

/**
 * Sentinels and clusters tell where a server is, often by an address that no certificate has: the certificate must then
 * be for a name that the operator has configured.
 */
function findMismatch(names: readonly string[], certificate: PeerCertificate): Error | undefined {
  const errors = names.map((name) => checkServerIdentity(name, certificate));
  return errors.includes(undefined) ? undefined : errors[0];
}
