import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { createSettingsError, type SettingsSource } from './settings';

/**
 * The variables of the command. It also reads NO_COLOR, TERM, HOME, XDG_CONFIG_HOME and npm_execpath. An empty variable
 * counts as absent.
 */
export const VARIABLES = {
  url: 'AUDIT_QUERY_URL',
  apiKey: 'AUDIT_QUERY_API_KEY',
  apiKeyFile: 'AUDIT_QUERY_API_KEY_FILE',
  token: 'AUDIT_QUERY_TOKEN',
  tokenFile: 'AUDIT_QUERY_TOKEN_FILE',
  allowHttp: 'AUDIT_QUERY_ALLOW_HTTP',
  config: 'AUDIT_QUERY_CONFIG',
} as const;

/** @throws CommandFailedError SETTINGS_INVALID */
export function parseEnvironment(env: NodeJS.ProcessEnv): SettingsSource {
  const read = (name: keyof typeof VARIABLES) => env[VARIABLES[name]] || undefined;
  const allowHttp = read('allowHttp');
  if (allowHttp !== undefined && allowHttp !== 'true' && allowHttp !== 'false')
    throw createSettingsError(`${VARIABLES.allowHttp} must be true or false.`);
  return {
    place: 'the environment',
    names: VARIABLES,
    url: read('url'),
    apiKey: read('apiKey'),
    apiKeyFile: read('apiKeyFile'),
    token: read('token'),
    tokenFile: read('tokenFile'),
    allowHttp: allowHttp === undefined ? undefined : allowHttp === 'true',
  };
}

const MEMBER_TYPES = {
  url: 'string',
  apiKey: 'string',
  apiKeyFile: 'string',
  token: 'string',
  tokenFile: 'string',
  allowHttp: 'boolean',
} as const satisfies Record<Exclude<keyof SettingsSource, 'place' | 'names'>, string>;

/** The bits of a file's mode for its group and for others. */
const MODE_OF_OTHERS = 0o077;

/**
 * Reads the file of `AUDIT_QUERY_CONFIG`, by default `audit-query/config.json` in `$XDG_CONFIG_HOME` (by default
 * `~/.config`; XDG Base Directory Specification 0.8). Only the default file may be absent.
 *
 * @throws CommandFailedError SETTINGS_INVALID, also if other users can read a credential in the file.
 */
export function loadConfigFile(env: NodeJS.ProcessEnv): SettingsSource {
  const named = env[VARIABLES.config] || undefined;
  const path = named ?? join(toConfigHome(env), 'audit-query', 'config.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (named === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return { place: path };
    throw createSettingsError(`The configuration file ${path} cannot be read.`, error);
  }
  const members = parseMembers(path, text);
  const hasSecret = 'apiKey' in members || 'token' in members;
  // Windows has no such bits: Node reports every file as readable by everyone.
  if (hasSecret && process.platform !== 'win32' && (statSync(path).mode & MODE_OF_OTHERS) !== 0)
    throw createSettingsError(
      `The configuration file ${path} contains a credential that other users can read: run chmod 600 on it.`,
    );
  return { ...members, place: path };
}

function toConfigHome(env: NodeJS.ProcessEnv): string {
  const home = env['XDG_CONFIG_HOME'];
  // The specification says to ignore a relative path.
  return home !== undefined && isAbsolute(home) ? home : join(env['HOME'] || homedir(), '.config');
}

function parseMembers(path: string, text: string): Omit<SettingsSource, 'place'> {
  let members: unknown;
  try {
    members = JSON.parse(text);
  } catch {
    // No cause: the error quotes the text, which may contain a credential.
    throw createSettingsError(`The configuration file ${path} is not JSON.`);
  }
  if (typeof members !== 'object' || members === null || Array.isArray(members))
    throw createSettingsError(`The configuration file ${path} must contain one JSON object.`);
  for (const [name, value] of Object.entries(members)) {
    if (!Object.hasOwn(MEMBER_TYPES, name)) {
      const known = Object.keys(MEMBER_TYPES).join(', ');
      throw createSettingsError(`The configuration file ${path} has an unknown member; the known ones are ${known}.`);
    }
    const type = MEMBER_TYPES[name as keyof typeof MEMBER_TYPES];
    if (typeof value !== type || value === '')
      throw createSettingsError(`${name} in the configuration file ${path} must be a ${type} and not empty.`);
  }
  return members;
}
