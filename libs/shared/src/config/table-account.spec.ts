import { describe, expect, it } from 'vitest';
import { findConnectionStringProblem, parseConnectionString, parseTableUrl } from './table-account';

const ACCOUNT = 'https://acct.table.core.windows.net';
const KEY = 'AccountName=acct;AccountKey=c2VjcmV0';
const keyed = (url: string) => ({ url, credential: { kind: 'key', accountName: 'acct', accountKey: 'c2VjcmV0' } });
const EXPIRY = '2999-01-01T00:00:00Z';
const SAS = `sv=2022-11-02&ss=t&srt=sco&sp=rl&se=${EXPIRY}&sig=canary%2Bcanary%3D`;
const signed = (url: string, token = SAS) => ({
  url,
  credential: { kind: 'sas', token, expiresAtMs: Date.parse(EXPIRY) },
});

describe('parseConnectionString', () => {
  it.each<[string, string, object]>([
    ['whole', `DefaultEndpointsProtocol=https;${KEY};EndpointSuffix=core.windows.net`, keyed(ACCOUNT)],
    [
      'of another cloud',
      `${KEY};EndpointSuffix=core.chinacloudapi.cn`,
      keyed('https://acct.table.core.chinacloudapi.cn'),
    ],
    ['without EndpointSuffix', `DefaultEndpointsProtocol=https;${KEY}`, keyed(ACCOUNT)],
    ['without DefaultEndpointsProtocol', `${KEY};EndpointSuffix=core.windows.net`, keyed(ACCOUNT)],
    ['with neither', KEY, keyed(ACCOUNT)],
    ['with TableEndpoint', `${KEY};TableEndpoint=${ACCOUNT}/`, keyed(ACCOUNT)],
    ['with TableEndpoint without a scheme', `${KEY};TableEndpoint=acct.table.core.windows.net`, keyed(ACCOUNT)],
    ['of an emulator', `${KEY};TableEndpoint=http://127.0.0.1:10002/acct`, keyed('http://127.0.0.1:10002/acct')],
    ['in other cases and with blanks', ` accountname = acct ; ACCOUNTKEY=c2VjcmV0;; `, keyed(ACCOUNT)],
    ['with a SAS', `TableEndpoint=${ACCOUNT};SharedAccessSignature=${SAS}`, signed(ACCOUNT)],
    ['with a SAS and its question mark', `TableEndpoint=${ACCOUNT};SharedAccessSignature=?${SAS}`, signed(ACCOUNT)],
    ['with a SAS and a name', `AccountName=acct;SharedAccessSignature=${SAS}`, signed(ACCOUNT)],
    [
      'with a SAS whose plus is not encoded',
      `TableEndpoint=${ACCOUNT};SharedAccessSignature=${SAS.replace('%2B', '+')}`,
      signed(ACCOUNT),
    ],
    [
      'as the portal writes it, for all services',
      `BlobEndpoint=https://acct.blob.core.windows.net/;QueueEndpoint=https://acct.queue.core.windows.net/;` +
        `FileEndpoint=https://acct.file.core.windows.net/;TableEndpoint=${ACCOUNT}/;SharedAccessSignature=${SAS}`,
      signed(ACCOUNT),
    ],
    ['with a key and a SAS', `${KEY};SharedAccessSignature=${SAS}`, keyed(ACCOUNT)],
  ])('reads one that is %s', (_name, text, account) => {
    expect(parseConnectionString(text)).toEqual(account);
  });

  it('leaves the expiry to a stored access policy', () => {
    const { credential } = parseConnectionString(`AccountName=a;SharedAccessSignature=sv=1&tn=audit&si=p&sig=x`);
    expect(credential).toMatchObject({ kind: 'sas', expiresAtMs: undefined });
  });
});

describe('findConnectionStringProblem', () => {
  const place = { nodeEnv: 'production', tableName: 'Audit' };
  const withSas = (sas: string) => `TableEndpoint=${ACCOUNT};SharedAccessSignature=${sas}`;
  const withEndpoint = (endpoint: string) => `${KEY};TableEndpoint=${endpoint}`;

  it.each<[string, string, RegExp]>([
    ['nothing', 'canary', /^must have AccountName and AccountKey, or SharedAccessSignature/],
    ['a key alone', 'AccountKey=canary', /^must have AccountName and AccountKey/],
    ['a key that is cut off', 'AccountName=canary;AccountKey=canary…', /AccountKey in base64/],
    ['a SAS without an account', `SharedAccessSignature=${SAS}`, /^must have TableEndpoint, or AccountName/],
    ['another protocol', `${KEY};DefaultEndpointsProtocol=canary`, /DefaultEndpointsProtocol/],
    ['a name that is none', 'AccountName=canary/;AccountKey=canary', /AccountName and EndpointSuffix/],
    [
      'a table in its endpoint',
      withEndpoint(`${ACCOUNT}/canary`),
      /as its TableEndpoint the address .* without a table/,
    ],
    ['a SAS in its endpoint', withEndpoint(`${ACCOUNT}/?sig=canary`), /as its TableEndpoint/],
    ['the endpoint of blobs', withEndpoint('https://canary.blob.core.windows.net'), /as its TableEndpoint/],
    ['plain http', `${KEY};DefaultEndpointsProtocol=http`, /^must use https when NODE_ENV=production$/],
    ['an emulator', 'UseDevelopmentStorage=true', /^must use https/],
    [
      "an emulator's proxy",
      'UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://canary',
      /^must not have DevelopmentStorageProxyUri/,
    ],
    ['a SAS without a signature', withSas(SAS.replace(/&sig.*/, '')), /with a signature \(sig\)$/],
    ['a SAS of a blob', withSas(`sv=1&sr=b&sp=r&se=${EXPIRY}&sig=canary`), /of an account \(ss\) or of a table/],
    ['a SAS for blobs', withSas(SAS.replace('ss=t', 'ss=b')), /for tables \(t in ss\)/],
    ['a SAS for tables without their entities', withSas(SAS.replace('srt=sco', 'srt=c')), /for entities \(o in srt\)/],
    ['a SAS that permits only adding', withSas(SAS.replace('sp=rl', 'sp=a')), /permits reading \(r in sp\)/],
    ['a SAS without an expiry', withSas(SAS.replace(/&se=[^&]*/, '')), /with a time of expiry \(se\)/],
    ['a SAS with an expiry that is no time', withSas(SAS.replace(/se=[^&]*/, 'se=canary')), /with a time of expiry/],
    ['a SAS that has expired', withSas(SAS.replace(/se=[^&]*/, 'se=2021-10-12T10:00Z')), /has not expired \(se\)/],
    ['a SAS of another table', withSas(`sv=1&tn=canary&sp=r&se=${EXPIRY}&sig=x`), /for the table of TABLE_NAME \(tn\)/],
    ...['spk', 'srk', 'epk', 'erk'].map((name): [string, string, RegExp] => [
      `a SAS with ${name}`,
      withSas(`sv=1&tn=audit&sp=r&se=${EXPIRY}&${name}=canary&sig=x`),
      /without a range of keys/,
    ]),
  ])('names the rule, and no part of the value: %s', (_name, text, sentence) => {
    const problem = findConnectionStringProblem(text, place);
    expect(problem).toMatch(sentence);
    expect(problem).not.toContain('canary');
  });

  it('takes the name of the table in upper and lower case', () => {
    expect(findConnectionStringProblem(withSas(`sv=1&tn=audit&sp=r&se=${EXPIRY}&sig=x`), place)).toBeUndefined();
  });
});

describe('parseTableUrl', () => {
  it.each([
    [`${ACCOUNT}/`, ACCOUNT],
    ['HTTPS://Acct.Table.core.windows.net:443', ACCOUNT],
    ['https://acct.z12.table.storage.azure.net', 'https://acct.z12.table.storage.azure.net'],
    ['https://127.0.0.1:10002/devstoreaccount1/', 'https://127.0.0.1:10002/devstoreaccount1'],
  ])('%s is %s', (text, url) => {
    expect(parseTableUrl(text)).toBe(url);
  });
});
