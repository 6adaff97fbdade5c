/** An account's table service, and what it is asked with. */
export interface TableAccount {
  /** Without a slash at its end; never has a signature. */
  url: string;
  credential:
    | { kind: 'key'; accountName: string; accountKey: string }
    /** `expiresAtMs` is absent where a stored access policy has it. */
    | { kind: 'sas'; token: string; expiresAtMs: number | undefined };
}

/** What the rules of a connection string depend on. */
export interface TablePlace {
  nodeEnv: string;
  tableName: string;
}

/** The message is the end of a sentence that begins with the name of the setting, and never has a part of it. */
class TableAccountInvalidError extends Error {
  override readonly name = 'TableAccountInvalidError';
}

/** Documented by Microsoft for its emulators, the same everywhere, and no secret. */
const EMULATOR: TableAccount = {
  url: 'http://127.0.0.1:10002/devstoreaccount1',
  credential: {
    kind: 'key',
    accountName: 'devstoreaccount1',
    accountKey: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  },
};

const ENDPOINT =
  "the address of an account's table service, such as https://example.table.core.windows.net, " +
  'without a table, a query (a SAS) or a user';

const SAS = 'must have a SharedAccessSignature';

/**
 * `https://example.table.core.windows.net`, or an emulator's `http://127.0.0.1:10002/account`, without a slash at its end.
 *
 * @throws TableAccountInvalidError
 */
export function parseTableUrl(text: string): string {
  const url = readTableUrl(text);
  if (url === undefined) throw new TableAccountInvalidError(`must be ${ENDPOINT}`);
  return url;
}

/** What is wrong with it, as the end of a sentence that begins with its name; undefined when nothing is. */
export function findTableUrlProblem(text: string): string | undefined {
  return readTableUrl(text) === undefined ? `must be ${ENDPOINT}` : undefined;
}

/** Azure's hosts, in all clouds and with DNS zones; an emulator's host may have any of these labels elsewhere. */
const OF_TABLES = /\.table\.(core|cosmos|storage)\./;
const OF_OTHER_SERVICE = /\.(blob|queue|file|dfs|web)\.(core|storage)\./;

function readTableUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin, hostname, pathname, username, password, search, hash } = new URL(text);
  const path = pathname.replace(/\/+$/, '');
  // The name of an account may stand in the path only where it is not in the host.
  const isAccount = OF_TABLES.test(hostname) ? path === '' : /^(\/[^/]+)?$/.test(path);
  const isOtherService = OF_OTHER_SERVICE.test(hostname);
  const isWeb = protocol === 'https:' || protocol === 'http:';
  const isMore = [username, password, search, hash].some((part) => part !== '');
  return isWeb && isAccount && !isOtherService && !isMore ? origin + path : undefined;
}

/**
 * Reads every form that Azure's SDK for Python reads, with its defaults, and `UseDevelopmentStorage=true`, which the one for
 * JavaScript reads. With a key and a SAS, the key is used, as there.
 *
 * @throws TableAccountInvalidError
 */
export function parseConnectionString(text: string): TableAccount {
  const members = readMembers(text);
  if (members.get('usedevelopmentstorage')?.toLowerCase() === 'true') {
    if (!members.has('developmentstorageproxyuri')) return EMULATOR;
    throw new TableAccountInvalidError(
      'must not have DevelopmentStorageProxyUri: give AccountName, AccountKey and TableEndpoint of the emulator',
    );
  }
  const accountName = members.get('accountname');
  const accountKey = members.get('accountkey');
  const sas = members.get('sharedaccesssignature');
  if (accountName && accountKey) {
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(accountKey))
      throw new TableAccountInvalidError('must have an AccountKey in base64');
    return { url: readEndpoint(members), credential: { kind: 'key', accountName, accountKey } };
  }
  if (sas) return { url: readEndpoint(members), credential: parseSas(sas) };
  throw new TableAccountInvalidError(
    'must have AccountName and AccountKey, or SharedAccessSignature and TableEndpoint or AccountName',
  );
}

/**
 * What is wrong with it, likewise. An expiry is compared with the clock of this machine.
 */
export function findConnectionStringProblem(text: string, { nodeEnv, tableName }: TablePlace): string | undefined {
  try {
    const { url, credential } = parseConnectionString(text);
    if (nodeEnv === 'production' && !url.startsWith('https:')) return 'must use https when NODE_ENV=production';
    if (credential.kind === 'key') return undefined;
    const { token, expiresAtMs = Infinity } = credential;
    if (expiresAtMs <= Date.now()) return `${SAS} that has not expired (se)`;
    // The names of tables are the same in upper and lower case.
    const table = new URLSearchParams(token).get('tn') ?? tableName;
    return table.toLowerCase() === tableName.toLowerCase() ? undefined : `${SAS} for the table of TABLE_NAME (tn)`;
  } catch (error) {
    if (error instanceof TableAccountInvalidError) return error.message;
    throw error;
  }
}

/** Keys in lower case; of a key that is given twice the last. */
function readMembers(text: string): Map<string, string> {
  const pairs = text.split(';').map((member) => /^\s*([^=]*?)\s*=\s*(.*?)\s*$/s.exec(member));
  return new Map(pairs.flatMap((pair) => (pair === null ? [] : [[pair[1]!.toLowerCase(), pair[2]!] as const])));
}

function readEndpoint(members: Map<string, string>): string {
  const endpoint = members.get('tableendpoint');
  if (endpoint) {
    // Without a scheme it is https, as for the SDK for Python.
    const url = readTableUrl(/^https?:/i.test(endpoint) ? endpoint : `https://${endpoint}`);
    if (url === undefined) throw new TableAccountInvalidError(`must have as its TableEndpoint ${ENDPOINT}`);
    return url;
  }
  const accountName = members.get('accountname');
  if (!accountName) throw new TableAccountInvalidError('must have TableEndpoint, or AccountName');
  const protocol = members.get('defaultendpointsprotocol')?.toLowerCase() || 'https';
  const suffix = members.get('endpointsuffix') || 'core.windows.net';
  const url = readTableUrl(`${protocol}://${accountName}.table.${suffix}`);
  if (!/^[a-z0-9-]+$/i.test(accountName) || url === undefined) {
    throw new TableAccountInvalidError(
      'must have a DefaultEndpointsProtocol (https or http), AccountName and EndpointSuffix that make a URL',
    );
  }
  return url;
}

/**
 * The rules of every SAS with which a table can be read. Those of learn.microsoft.com, "Create a service SAS" and "Create an
 * account SAS"; which permissions Query Entities needs is in the latter.
 */
function parseSas(text: string): Extract<TableAccount['credential'], { kind: 'sas' }> {
  // A plus that is not encoded, as in a signature or an offset, would be read as a blank.
  const token = text.replace(/^\?/, '').replaceAll('+', '%2B');
  const parameters = new URLSearchParams(token);
  const has = (name: string) => Boolean(parameters.get(name));
  const check = (holds: boolean, rule: string) => {
    if (!holds) throw new TableAccountInvalidError(`${SAS} ${rule}`);
  };
  const permits = (name: string, letter: string) => parameters.get(name)?.includes(letter) ?? false;
  check(has('sig'), 'with a signature (sig)');
  check(has('tn') || has('ss'), 'of an account (ss) or of a table (tn)');
  check(
    !['spk', 'srk', 'epk', 'erk'].some((name) => parameters.has(name)),
    'without a range of keys (spk, srk, epk, erk): Azure leaves out all other entities without an error',
  );
  check(!has('ss') || permits('ss', 't'), 'for tables (t in ss)');
  check(!has('ss') || permits('srt', 'o'), 'for entities (o in srt)');
  // Permissions and expiry may be those of a stored access policy.
  check(permits('sp', 'r') || (has('si') && !has('sp')), 'that permits reading (r in sp)');
  const expiry = parameters.get('se');
  const expiresAtMs = expiry === null ? undefined : Date.parse(expiry);
  check(expiresAtMs === undefined ? has('si') : !Number.isNaN(expiresAtMs), 'with a time of expiry (se)');
  return { kind: 'sas', token, expiresAtMs };
}
