import type { SettingsSource } from './settings';
import { toSettingsError } from './settings-error';

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
export function toEnvironmentSource(env: Environment): SettingsSource {
  const read = (name: keyof typeof VARIABLES) => env[VARIABLES[name]] || undefined;
  const allowHttp = read('allowHttp');
  if (allowHttp !== undefined && allowHttp !== 'true' && allowHttp !== 'false')
    throw toSettingsError(`${VARIABLES.allowHttp} must be true or false.`);
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
