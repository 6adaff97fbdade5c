import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Tags of ASN.1 (X.690). */
const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const BOOLEAN = 0x01;
const UTC_TIME = 0x17;
const UTF8_STRING = 0x0c;

/** Object identifiers in DER. */
const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex');
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const SUBJECT_ALTERNATIVE_NAME = Buffer.from('0603551d11', 'hex');
const BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex');
const SUBJECT_KEY_IDENTIFIER = Buffer.from('0603551d0e', 'hex');

const DAY_MS = 24 * 3_600_000;

/**
 * A self-signed certificate of one day for 127.0.0.1, localhost and Azure's tables (X.509 version 3, RFC 5280). Encoded
 * here, since Node creates no certificates, not every image has openssl, and a key in the repository would be a secret.
 */
function createTestAuthority(): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKeyInfo = publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = der(SEQUENCE, ECDSA_WITH_SHA256);
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from('a test authority')))));
  const validity = der(SEQUENCE, toTime(Date.now() - DAY_MS), toTime(Date.now() + DAY_MS));
  const names = der(
    SEQUENCE,
    der(0x87, Buffer.from([127, 0, 0, 1])), // iPAddress
    der(0x82, Buffer.from('localhost')), // dNSName
    der(0x82, Buffer.from('*.table.core.windows.net')),
  );
  const keyIdentifier = der(OCTET_STRING, createHash('sha1').update(publicKeyInfo).digest());
  const extensions = der(
    SEQUENCE,
    der(SEQUENCE, SUBJECT_ALTERNATIVE_NAME, der(OCTET_STRING, names)),
    der(SEQUENCE, SUBJECT_KEY_IDENTIFIER, der(OCTET_STRING, keyIdentifier)),
    der(SEQUENCE, BASIC_CONSTRAINTS, der(OCTET_STRING, der(SEQUENCE, der(BOOLEAN, Buffer.from([0xff]))))),
  );
  const toBeSigned = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))), // version 3
    der(INTEGER, Buffer.concat([Buffer.from([1]), randomBytes(8)])), // serial number, positive
    ...[algorithm, name, validity, name, publicKeyInfo],
    der(0xa3, extensions),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  const certificate = der(SEQUENCE, toBeSigned, algorithm, der(BIT_STRING, Buffer.from([0]), signature));
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${toLines(certificate.toString('base64'))}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** Tag, length, content: DER of X.690. */
function der(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
}

/** `YYMMDDhhmmssZ`. */
function toTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14);
  return der(UTC_TIME, Buffer.from(`${digits}Z`));
}

function toLines(base64: string): string {
  return base64.replace(/.{64}(?=.)/g, '$&\n');
}

const FOLDER_VARIABLE = 'AUDIT_QUERY_TEST_AUTHORITY';

/** The authority of the doubles with https, as files. */
export interface AuthorityFiles {
  certFile: string;
  keyFile: string;
}

/**
 * Creates one authority for all suites of a run, which are set up in this process. Every process that starts later trusts
 * it. Its files are removed when this process ends.
 */
export function shareTestAuthority(): AuthorityFiles {
  const known = process.env[FOLDER_VARIABLE];
  const folder = known ?? mkdtempSync(join(tmpdir(), 'audit-query-authority-'));
  const files = { certFile: join(folder, 'authority.pem'), keyFile: join(folder, 'key.pem') };
  if (known !== undefined) return files;
  const { cert, key } = createTestAuthority();
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key);
  // Node reads one file at its start, so the file also contains the certificates that were configured before.
  const trustedFile = join(folder, 'trusted.pem');
  const { NODE_EXTRA_CA_CERTS: before } = process.env;
  writeFileSync(trustedFile, before ? `${readFileSync(before, 'utf8')}\n${cert}` : cert);
  process.env['NODE_EXTRA_CA_CERTS'] = trustedFile;
  process.env[FOLDER_VARIABLE] = folder;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return files;
}
