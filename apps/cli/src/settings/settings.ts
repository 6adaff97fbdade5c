import { readFileSync } from 'node:fs';
import { isLoopbackHost } from '#shared/config/loopback';
import { CommandFailedError, ExitCode } from '../command-failed-error';

interface Credential {
  kind: 'api-key' | 'token';
  value: string;
}

export interface Settings {
  /** Without a trailing slash. */
  url: string;
  credential: Credential | undefined;
}

/** The settings of one source: the command line, the environment or the configuration file. */
export interface SettingsSource {
  /** The name of the source as a part of a sentence. */
  place: string;
  /** What a person typed to set a member; absent for the file, which uses the names of the members. */
  names?: Readonly<Partial<Record<MemberName, string>>>;
  url?: string | undefined;
  apiKey?: string | undefined;
  apiKeyFile?: string | undefined;
  token?: string | undefined;
  tokenFile?: string | undefined;
  allowHttp?: boolean | undefined;
}

type MemberName = Exclude<keyof SettingsSource, 'place' | 'names'>;

/** The URL of `npm start`. */
const DEFAULT_URL = 'http://127.0.0.1:3000';

/** The file descriptor of standard input. */
const STDIN = 0;

/** Characters that a header can carry. A credential with other characters is a wrong file or has a line break. */
const CREDENTIAL = /^[\x21-\x7e]{1,8192}$/;

/**
 * Takes each member from the first source that has it. The credential comes as a whole from the first source that has
 * one, so that the command never sends a token of the command line beside an API key of the file.
 *
 * @throws CommandFailedError SETTINGS_INVALID
 */
export function resolveSettings(sources: readonly SettingsSource[]): Settings {
  const allowHttp = sources.find((source) => source.allowHttp !== undefined)?.allowHttp ?? false;
  const urlSource = sources.find((source) => source.url !== undefined);
  const url = parseUrl(urlSource?.url ?? DEFAULT_URL, urlSource && toSettingName(urlSource, 'url'));
  const source = sources.find((one) => one.apiKey ?? one.apiKeyFile ?? one.token ?? one.tokenFile);
  const credential = source && resolveCredential(source);
  if (credential !== undefined && url.protocol === 'http:' && !isLoopbackHost(url.hostname) && !allowHttp) {
    throw createSettingsError(
      'A credential is not sent over plain http: use an https URL, or set AUDIT_QUERY_ALLOW_HTTP=true if you trust the network.',
    );
  }
  return { url: url.href.replace(/\/+$/, ''), credential };
}

/** @param message Tells the user what to change; must not contain a credential. */
export function createSettingsError(message: string, cause?: unknown): CommandFailedError {
  return new CommandFailedError({ exitCode: ExitCode.Usage, code: 'SETTINGS_INVALID', message, cause });
}

function parseUrl(text: string, name = 'url'): URL {
  const rule = `${name} must be like https://audit.example`;
  if (!URL.canParse(text)) throw createSettingsError(`${rule}.`);
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw createSettingsError(`${rule}, with http or https.`);
  if (url.username !== '' || url.password !== '') throw createSettingsError(`${rule}, without a user or a password.`);
  if (url.search !== '' || url.hash !== '') throw createSettingsError(`${rule}, without ? or # after its path.`);
  return url;
}

function resolveCredential(source: SettingsSource): Credential | undefined {
  const given = [
    { kind: 'api-key' as const, member: 'apiKey' as const, value: source.apiKey },
    { kind: 'api-key' as const, member: 'apiKeyFile' as const, path: source.apiKeyFile },
    { kind: 'token' as const, member: 'token' as const, value: source.token },
    { kind: 'token' as const, member: 'tokenFile' as const, path: source.tokenFile },
  ].filter(({ value, path }) => value !== undefined || path !== undefined);
  const [first] = given;
  if (first === undefined) return undefined;
  if (given.length > 1)
    throw createSettingsError(`There is more than one credential in ${source.place}: set one API key or one token.`);
  const value = first.value ?? loadFirstLine(first.path ?? '');
  if (!CREDENTIAL.test(value)) {
    const kind = first.kind === 'api-key' ? 'API key' : 'token';
    throw createSettingsError(
      `The ${kind} of ${toSettingName(source, first.member)} must be one line of printable characters without blanks.`,
    );
  }
  return { kind: first.kind, value };
}

/** @returns The name that the user typed, such as `--url`, `AUDIT_QUERY_URL` or `url in /home/me/config.json`. */
function toSettingName({ place, names }: SettingsSource, member: MemberName): string {
  return names?.[member] ?? `${member} in ${place}`;
}

/** @param path `-` for standard input. */
function loadFirstLine(path: string): string {
  try {
    return (readFileSync(path === '-' ? STDIN : path, 'utf8').split('\n', 1)[0] ?? '').trim();
  } catch (error) {
    const source = path === '-' ? 'standard input' : path;
    throw createSettingsError(`The credential cannot be read from ${source}.`, error);
  }
}
