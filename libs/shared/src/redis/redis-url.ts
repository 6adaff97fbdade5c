import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate } from 'node:tls';

/** One server of several, as a URL names it. */
export interface RedisHost {
  host: string;
  port: number;
}

interface Credentials {
  username?: string;
  password?: string;
}

/** What `REDIS_URL` says. */
export type RedisAddress =
  /** One server. `family` is 4 or 6 where the URL says so, for a name that has addresses of both. */
  | {
      kind: 'server';
      isTls: boolean;
      hosts: readonly [RedisHost];
      db: number;
      family?: number;
      credentials: Credentials;
    }
  /** The primary that any of these sentinels names. */
  | {
      kind: 'sentinel';
      isTls: boolean;
      hosts: readonly RedisHost[];
      masterName: string;
      db: number;
      credentials: Credentials;
      sentinelCredentials: Credentials;
    }
  /** The cluster that any of these servers belongs to. */
  | { kind: 'cluster'; isTls: boolean; hosts: readonly RedisHost[]; credentials: Credentials };

/** The message is the end of a sentence that begins with the name of the variable, and never has a part of the URL. */
class RedisUrlInvalidError extends Error {
  override readonly name = 'RedisUrlInvalidError';
}

const FORMS =
  'must be redis://host:6379, redis+sentinel://host:26379,host:26379/name-of-the-primary or ' +
  'redis+cluster://host:6379,host:6379, or the same with rediss for TLS';

const ENCODED =
  'must have the special characters of a user name or password percent-encoded, ' +
  'such as %23 for #, %2F for /, %3F for ? and %40 for @';

/** What comes before an `@` is the credentials: with a `/` or a `?` in them, the host would end there. */
const MISREAD = /^[^/]*\/\/(?:[^@/?]*[/?][^@]*@|.*@.*@)/;

/** Scheme, credentials, hosts, path, parameters. */
const SEVERAL = /^(rediss?)\+(sentinel|cluster):\/\/(?:([^@/?#\s]*)@)?([^@/?#\s]*)(?:\/([^?#\s]*))?(?:\?([^#\s]*))?$/;
const HOST = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i;

/**
 * The forms with several hosts are those of redis_sentinel_url, redisvl and limits, where ioredis has none of its own.
 *
 * @throws RedisUrlInvalidError
 */
export function parseRedisUrl(url: string): RedisAddress {
  // Of no use in any form; what stands behind it would be left out, or be what the password ends in.
  if (url.includes('#')) throw new RedisUrlInvalidError(`must have no fragment, and ${ENCODED}`);
  try {
    return parseForm(url);
  } catch (error) {
    throw error instanceof RedisUrlInvalidError && MISREAD.test(url) ? new RedisUrlInvalidError(ENCODED) : error;
  }
}

function parseForm(url: string): RedisAddress {
  const several = SEVERAL.exec(url);
  if (several === null) return parseServer(url);
  const [, scheme, kind, user, list = '', path = '', query = ''] = several;
  const isTls = scheme === 'rediss';
  const credentials = parseCredentials(user);
  const parameters = new URLSearchParams(query);
  if (kind === 'cluster') {
    if (path !== '' && path !== '0') throw new RedisUrlInvalidError('must name no database: a cluster has only one');
    if (query !== '') throw new RedisUrlInvalidError('must have no parameters after redis+cluster://');
    return { kind, isTls, hosts: parseHosts(list, 6_379), credentials };
  }
  return {
    ...{ kind: 'sentinel', isTls, hosts: parseHosts(list, 26_379), credentials },
    ...parsePrimary(path),
    sentinelCredentials: readSentinelCredentials(parameters),
  };
}

/** What is wrong with it, as the end of a sentence that begins with its name; undefined when nothing is. */
export function findRedisUrlProblem(url: string): string | undefined {
  try {
    parseRedisUrl(url);
    return undefined;
  } catch (error) {
    if (error instanceof RedisUrlInvalidError) return error.message;
    throw error;
  }
}

function parseServer(url: string): RedisAddress {
  if (!URL.canParse(url)) throw new RedisUrlInvalidError(FORMS);
  const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(url);
  const isTls = protocol === 'rediss:';
  if (!isTls && protocol !== 'redis:') throw new RedisUrlInvalidError(FORMS);
  if (hostname.includes(',')) {
    throw new RedisUrlInvalidError('must say what several hosts are: redis+sentinel:// or redis+cluster://');
  }
  if (!/^\/?\d*$/.test(pathname)) throw new RedisUrlInvalidError('must have a number as its database');
  const { family, ...unknown } = Object.fromEntries(searchParams);
  // ioredis would take any other as an option, in place of ours.
  if (Object.keys(unknown).length > 0 || !['4', '6', undefined].includes(family)) {
    throw new RedisUrlInvalidError('must have no other parameter than family=4 or family=6 after redis://');
  }
  const host = hostname.replace(/^\[|\]$/g, '') || '127.0.0.1';
  return {
    ...{ kind: 'server', isTls, hosts: [{ host, port: Number(port || 6_379) }], db: Number(pathname.slice(1)) },
    ...(family === undefined ? {} : { family: Number(family) }),
    credentials: toCredentials(decode(username), decode(password)),
  };
}

function parseHosts(list: string, defaultPort: number): RedisHost[] {
  return list.split(',').map((text) => {
    const [match, v6, name, port = defaultPort] = HOST.exec(text) ?? [];
    const isPort = Number(port) > 0 && Number(port) < 65_536;
    if (match === undefined || !isPort) throw new RedisUrlInvalidError(FORMS);
    return { host: v6 ?? name ?? '', port: Number(port) };
  });
}

function parsePrimary(path: string): { masterName: string; db: number } {
  const [name = '', db = '0', ...rest] = path.split('/');
  if (name === '') throw new RedisUrlInvalidError('must name the primary after the sentinels: …/name-of-the-primary');
  if (!/^\d+$/.test(db) || rest.length > 0) throw new RedisUrlInvalidError('must have a number as its database');
  return { masterName: decode(name), db: Number(db) };
}

/** `user:password`, either of which may be absent. */
function parseCredentials(text = ''): Credentials {
  const colon = text.indexOf(':');
  return toCredentials(decode(colon < 0 ? text : text.slice(0, colon)), colon < 0 ? '' : decode(text.slice(colon + 1)));
}

function readSentinelCredentials(parameters: URLSearchParams): Credentials {
  const known = ['sentinel_username', 'sentinel_password'];
  if ([...parameters.keys()].some((name) => !known.includes(name))) {
    throw new RedisUrlInvalidError(`must have no other parameters than ${known.join(' and ')}`);
  }
  return toCredentials(parameters.get('sentinel_username') ?? '', parameters.get('sentinel_password') ?? '');
}

function toCredentials(username: string, password: string): Credentials {
  // ioredis would not authenticate at all.
  if (username !== '' && username !== 'default' && password === '') {
    throw new RedisUrlInvalidError('must have a password behind the user name; a password alone has a colon before it');
  }
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RedisUrlInvalidError(`${ENCODED}; the percent sign itself is %25`);
  }
}

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
    // Absent, not readable, or not a certificate.
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
