import { readFileSync } from 'node:fs';
import { type Credential, type SettingsSource, toSettingName } from './settings';
import { toSettingsError } from './settings-error';

const STDIN = 0;

/** What may stand in a header: anything else is a line break, a blank, or the wrong file. */
const CREDENTIAL = /^[\x21-\x7e]{1,8192}$/;

/**
 * The one credential of a place; from a file its first line, from `-` that of the standard input.
 *
 * @throws CommandFailedError SETTINGS_INVALID
 */
export function readCredential(source: SettingsSource): Credential | undefined {
  const given = [
    { kind: 'api-key' as const, member: 'apiKey' as const, value: source.apiKey },
    { kind: 'api-key' as const, member: 'apiKeyFile' as const, path: source.apiKeyFile },
    { kind: 'token' as const, member: 'token' as const, value: source.token },
    { kind: 'token' as const, member: 'tokenFile' as const, path: source.tokenFile },
  ].filter(({ value, path }) => value !== undefined || path !== undefined);
  const [first] = given;
  if (first === undefined) return undefined;
  if (given.length > 1)
    throw toSettingsError(`There is more than one credential in ${source.place}: give one API key or one token.`);
  const value = first.value ?? readFirstLine(first.path ?? '');
  if (!CREDENTIAL.test(value)) {
    const what = first.kind === 'api-key' ? 'API key' : 'token';
    throw toSettingsError(
      `The ${what} of ${toSettingName(source, first.member)} must be one line of printable characters without blanks.`,
    );
  }
  return { kind: first.kind, value };
}

function readFirstLine(path: string): string {
  try {
    return (readFileSync(path === '-' ? STDIN : path, 'utf8').split('\n', 1)[0] ?? '').trim();
  } catch (error) {
    throw toSettingsError(`The credential cannot be read from ${path === '-' ? 'the standard input' : path}.`, error);
  }
}
