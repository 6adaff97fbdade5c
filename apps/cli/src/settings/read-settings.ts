import { readCredential } from './read-credential';
import { type Settings, type SettingsSource, toSettingName } from './settings';
import { toSettingsError } from './settings-error';

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
export function readSettings(sources: readonly SettingsSource[]): Settings {
  const allowHttp = sources.find((source) => source.allowHttp !== undefined)?.allowHttp ?? false;
  const urlSource = sources.find((one) => one.url !== undefined);
  const url = parseUrl(urlSource?.url ?? DEFAULT_URL, urlSource && toSettingName(urlSource, 'url'));
  const source = sources.find((one) => one.apiKey ?? one.apiKeyFile ?? one.token ?? one.tokenFile);
  const credential = source && readCredential(source);
  if (credential !== undefined && url.protocol === 'http:' && !LOOPBACK.has(url.hostname) && !allowHttp) {
    throw toSettingsError(
      'A credential is not sent over plain http: give an https URL, or set AUDIT_QUERY_ALLOW_HTTP=true where the network is trusted.',
    );
  }
  return { url: url.href.replace(/\/+$/, ''), credential };
}

function parseUrl(text: string, name = 'url'): URL {
  const rule = `${name} must be like https://audit.example`;
  if (!URL.canParse(text)) throw toSettingsError(`${rule}.`);
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw toSettingsError(`${rule}, with http or https.`);
  if (url.username !== '' || url.password !== '') throw toSettingsError(`${rule}, without a user or a password.`);
  if (url.search !== '' || url.hash !== '') throw toSettingsError(`${rule}, without anything behind its path.`);
  return url;
}
