import { readFileSync } from 'node:fs';
import { CommandFailedError, ExitCode } from '../command-failed-error';

/** What the service is shown. */
export interface Credential {
  kind: 'api-key' | 'token';
  value: string;
}

/** Where the service is and how it is spoken to. */
export interface Settings {
  /** Without a slash at its end. */
  url: string;
  credential: Credential | undefined;
}

type MemberName = Exclude<keyof SettingsSource, 'place' | 'names'>;

/** What a message calls a member, such as `--url`, `AUDIT_QUERY_URL` or `url in /home/me/config.json`. */
export function toSettingName({ place, names }: SettingsSource, member: MemberName): string {
  return names?.[member] ?? `${member} in ${place}`;
}

/** What one of the three places says: the command line, the environment, or the file. */
export interface SettingsSource {
  /** As part of a sentence. */
  place: string;
  /** What a person has typed for a member; absent: its own name, in the file of `place`. */
  names?: Readonly<Partial<Record<MemberName, string>>>;
  url?: string | undefined;
  apiKey?: string | undefined;
  apiKeyFile?: string | undefined;
  token?: string | undefined;
  tokenFile?: string | undefined;
  allowHttp?: boolean | undefined;
}

/** @param message Says what to change, and never a value. */
export function createSettingsError(message: string, cause?: unknown): CommandFailedError {
  return new CommandFailedError({ exitCode: ExitCode.Usage, code: 'SETTINGS_INVALID', message, cause });
}

const STDIN = 0;

/** What may stand in a header: anything else is a line break, a blank, or the wrong file. */
const CREDENTIAL = /^[\x21-\x7e]{1,8192}$/;

/**
 * The one credential of a place; from a file its first line, from `-` that of the standard input.
 *
 * @throws CommandFailedError SETTINGS_INVALID
 */
export function resolveCredential(source: SettingsSource): Credential | undefined {
  const given = [
    { kind: 'api-key' as const, member: 'apiKey' as const, value: source.apiKey },
    { kind: 'api-key' as const, member: 'apiKeyFile' as const, path: source.apiKeyFile },
    { kind: 'token' as const, member: 'token' as const, value: source.token },
    { kind: 'token' as const, member: 'tokenFile' as const, path: source.tokenFile },
  ].filter(({ value, path }) => value !== undefined || path !== undefined);
  const [first] = given;
  if (first === undefined) return undefined;
  if (given.length > 1)
    throw createSettingsError(`There is more than one credential in ${source.place}: give one API key or one token.`);
  const value = first.value ?? loadFirstLine(first.path ?? '');
  if (!CREDENTIAL.test(value)) {
    const what = first.kind === 'api-key' ? 'API key' : 'token';
    throw createSettingsError(
      `The ${what} of ${toSettingName(source, first.member)} must be one line of printable characters without blanks.`,
    );
  }
  return { kind: first.kind, value };
}

function loadFirstLine(path: string): string {
  try {
    return (readFileSync(path === '-' ? STDIN : path, 'utf8').split('\n', 1)[0] ?? '').trim();
  } catch (error) {
    throw createSettingsError(`The credential cannot be read from ${path === '-' ? 'the standard input' : path}.`, error);
  }
}

/** Where `npm start` puts the service when the port is free. */
const DEFAULT_URL = 'http://127.0.0.1:3000';

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

/**
 * Joins the places, each member from the first that has it. A credential is taken as a whole from the first place that
 * has any, so that a token of the command line is never sent beside a key of the file.
 *
 * @param sources The first one wins.
 * @throws CommandFailedError SETTINGS_INVALID
 */
export function resolveSettings(sources: readonly SettingsSource[]): Settings {
  const allowHttp = sources.find((source) => source.allowHttp !== undefined)?.allowHttp ?? false;
  const urlSource = sources.find((one) => one.url !== undefined);
  const url = parseUrl(urlSource?.url ?? DEFAULT_URL, urlSource && toSettingName(urlSource, 'url'));
  const source = sources.find((one) => one.apiKey ?? one.apiKeyFile ?? one.token ?? one.tokenFile);
  const credential = source && resolveCredential(source);
  if (credential !== undefined && url.protocol === 'http:' && !LOOPBACK.has(url.hostname) && !allowHttp) {
    throw createSettingsError(
      'A credential is not sent over plain http: give an https URL, or set AUDIT_QUERY_ALLOW_HTTP=true where the network is trusted.',
    );
  }
  return { url: url.href.replace(/\/+$/, ''), credential };
}

function parseUrl(text: string, name = 'url'): URL {
  const rule = `${name} must be like https://audit.example`;
  if (!URL.canParse(text)) throw createSettingsError(`${rule}.`);
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw createSettingsError(`${rule}, with http or https.`);
  if (url.username !== '' || url.password !== '') throw createSettingsError(`${rule}, without a user or a password.`);
  if (url.search !== '' || url.hash !== '') throw createSettingsError(`${rule}, without anything behind its path.`);
  return url;
}
