import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { resolveSettings } from './settings';
import { loadConfigFile, parseEnvironment } from './settings-sources';

const folder = mkdtempSync(join(tmpdir(), 'audit-query-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SECRET = 'aq_0123456789';

function writeConfig(text: string, mode = 0o600): string {
  const path = join(folder, 'config.json');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('resolveSettings', () => {
  it('takes each member from the first source that has it, and the credential from a single source', () => {
    const settings = resolveSettings([
      { place: 'the command line', url: 'https://flag.example/' },
      { place: 'the environment', url: 'https://environment.example', token: 'of-environment' },
      { place: 'the file', apiKey: 'of-file' },
    ]);
    expect(settings).toEqual({ url: 'https://flag.example', credential: { kind: 'token', value: 'of-environment' } });
  });

  it('uses loopback without a credential by default', () => {
    expect(resolveSettings([{ place: 'the file' }])).toEqual({ url: 'http://127.0.0.1:3000', credential: undefined });
  });

  it('reads the credential from the first line of a file', () => {
    const path = join(folder, 'key');
    writeFileSync(path, `${SECRET}\nand more\n`);
    expect(resolveSettings([{ place: 'p', apiKeyFile: path }]).credential).toEqual({ kind: 'api-key', value: SECRET });
  });

  it('allows a credential over plain http only on loopback or with allowHttp', () => {
    const source = { place: 'p', url: 'http://audit.example', apiKey: SECRET };
    expect(() => resolveSettings([source])).toThrow('not sent over plain http');
    expect(resolveSettings([{ ...source, allowHttp: true }]).url).toBe('http://audit.example');
    expect(resolveSettings([{ ...source, url: 'http://localhost:1' }]).url).toBe('http://localhost:1');
    expect(resolveSettings([{ place: 'p', url: 'http://audit.example' }]).credential).toBeUndefined();
  });

  it.each([
    [{ url: 'audit.example' }, 'must be like https://audit.example'],
    [{ url: 'ftp://audit.example' }, 'with http or https'],
    [{ url: `https://me:${SECRET}@audit.example` }, 'without a user or a password'],
    [{ url: 'https://audit.example/?x=1' }, 'without ? or # after its path'],
    [{ apiKey: SECRET, token: SECRET }, 'more than one credential in p'],
    [{ apiKey: `${SECRET} ${SECRET}` }, 'one line of printable characters'],
    [{ apiKeyFile: '/nowhere' }, 'cannot be read from /nowhere'],
  ])('rejects %j without repeating a secret', (source, message) => {
    const read = () => resolveSettings([{ place: 'p', ...source }]);
    expect(read).toThrow(message);
    expect(read).not.toThrow(SECRET);
  });
});

describe('parseEnvironment', () => {
  it('ignores empty variables', () => {
    const env = { AUDIT_QUERY_URL: '', AUDIT_QUERY_TOKEN: 'x', AUDIT_QUERY_ALLOW_HTTP: 'true' };
    expect(parseEnvironment(env)).toMatchObject({ url: undefined, token: 'x', allowHttp: true });
    expect(() => parseEnvironment({ AUDIT_QUERY_ALLOW_HTTP: 'yes' })).toThrow('must be true or false');
  });
});

describe('loadConfigFile', () => {
  it('reads audit-query/config.json in XDG_CONFIG_HOME, by default in .config of HOME', () => {
    for (const home of ['xdg', 'home/.config']) {
      mkdirSync(join(folder, home, 'audit-query'), { recursive: true });
      writeFileSync(join(folder, home, 'audit-query/config.json'), JSON.stringify({ url: `https://${home}` }));
    }
    const HOME = join(folder, 'home');
    expect(loadConfigFile({ HOME, XDG_CONFIG_HOME: join(folder, 'xdg') }).url).toBe('https://xdg');
    for (const XDG_CONFIG_HOME of ['', 'relative', undefined])
      expect(loadConfigFile({ HOME, XDG_CONFIG_HOME }).url).toBe('https://home/.config');
  });

  it('allows the default file to be absent, but not the file of AUDIT_QUERY_CONFIG', () => {
    const path = join(folder, 'nowhere', 'config.json');
    expect(loadConfigFile({ XDG_CONFIG_HOME: join(folder, 'nowhere') }).url).toBeUndefined();
    expect(() => loadConfigFile({ AUDIT_QUERY_CONFIG: path })).toThrow('cannot be read');
  });

  it.each([
    [`{"apiKey": ${SECRET}}`, 0o600, 'is not JSON'],
    ['[]', 0o600, 'one JSON object'],
    [`{"key": "${SECRET}"}`, 0o600, 'has an unknown member; the known ones are url, apiKey'],
    ['{"url": 3}', 0o600, 'url in the configuration file'],
    ['{"token": ""}', 0o600, 'must be a string and not empty'],
    [`{"token": "${SECRET}"}`, 0o640, 'chmod 600'],
  ])('rejects %s without repeating a secret', (text, mode, message) => {
    const env = { AUDIT_QUERY_CONFIG: writeConfig(text, mode) };
    expect(() => loadConfigFile(env)).toThrow(message);
    expect(() => loadConfigFile(env)).not.toThrow(SECRET);
  });

  it('allows others to read a file without a credential', () => {
    const env = { AUDIT_QUERY_CONFIG: writeConfig('{"url": "https://audit.example", "tokenFile": "/t"}', 0o644) };
    expect(loadConfigFile(env)).toMatchObject({ url: 'https://audit.example', tokenFile: '/t' });
  });
});
