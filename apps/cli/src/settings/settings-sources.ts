import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type SettingsSource, createSettingsError } from './settings';

/** What is read of the environment beside NO_COLOR, TERM, HOME and XDG_CONFIG_HOME. An empty variable is an absent one. */
export const VARIABLES = {
  url: 'AUDIT_QUERY_URL',
  apiKey: 'AUDIT_QUERY_API_KEY',
  apiKeyFile: 'AUDIT_QUERY_API_KEY_FILE',
  token: 'AUDIT_QUERY_TOKEN',
  tokenFile: 'AUDIT_QUERY_TOKEN_FILE',
  allowHttp: 'AUDIT_QUERY_ALLOW_HTTP',
  config: 'AUDIT_QUERY_CONFIG',
} as const;

export type Environment = Record<string, string | undefined>;

/** @throws CommandFailedError SETTINGS_INVALID */
export function parseEnvironment(env: Environment): SettingsSource {
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

const TYPES = {
  url: 'string',
  apiKey: 'string',
  apiKeyFile: 'string',
  token: 'string',
  tokenFile: 'string',
  allowHttp: 'boolean',
} as const satisfies Record<Exclude<keyof SettingsSource, 'place' | 'names'>, string>;

const OF_OTHERS = 0o077;

/**
 * Reads the file that `AUDIT_QUERY_CONFIG` names, else `audit-query/config.json` in `$XDG_CONFIG_HOME` (by default
 * `~/.config`; XDG Base Directory Specification 0.8). Only the latter may be absent.
 *
 * @throws CommandFailedError SETTINGS_INVALID, also when it has a credential that others can read.
 */
export function loadConfigFile(env: Environment): SettingsSource {
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
  // Windows has no such bits, and says that everybody may do everything.
  if (hasSecret && process.platform !== 'win32' && (statSync(path).mode & OF_OTHERS) !== 0)
    throw createSettingsError(`The configuration file ${path} holds a credential that others can read: chmod 600 it.`);
  return { ...members, place: path };
}

function toConfigHome(env: Environment): string {
  const home = env['XDG_CONFIG_HOME'];
  // A relative one is to be passed over, says the specification.
  return home !== undefined && isAbsolute(home) ? home : join(env['HOME'] || homedir(), '.config');
}

function parseMembers(path: string, text: string): Omit<SettingsSource, 'place'> {
  let members: unknown;
  try {
    members = JSON.parse(text);
  } catch {
    // The error quotes the text, which may be a credential.
    throw createSettingsError(`The configuration file ${path} is not JSON.`);
  }
  if (typeof members !== 'object' || members === null || Array.isArray(members))
    throw createSettingsError(`The configuration file ${path} must hold one JSON object.`);
  for (const [name, value] of Object.entries(members)) {
    if (!Object.hasOwn(TYPES, name)) {
      const known = Object.keys(TYPES).join(', ');
      throw createSettingsError(`The configuration file ${path} has a member that is none of ${known}.`);
    }
    const type = TYPES[name as keyof typeof TYPES];
    if (typeof value !== type || value === '')
      throw createSettingsError(`${name} in the configuration file ${path} must be a ${type}, and not empty.`);
  }
  return members;
}
