import { IsOptional, IsString, Matches } from 'class-validator';
import { AsOrigin, findOriginProblem } from './base-url';
import { CommonConfig } from './common-config';
import { composeConfig } from './parse-config';
import { Flag, Port, Problem, SecretName, WholeNumber } from './rules';
import { DEVELOPMENT_HASH_KEY, findHashKeyProblem, toHashKeySource, toTableSource } from './secret-sources';
import { findConnectionStringProblem, findTableUrlProblem } from './table-account';

/** What `apps/worker` is told. */
export class WorkerConfig extends composeConfig(CommonConfig) {
  /** Where `/health` and `/metrics` listen. */
  @IsString()
  healthHost: string = '127.0.0.1';

  @Port()
  healthPort: number = 3_002;

  /** The storage account by its table URL: this process' own identity is its credential, and there is no secret. */
  @IsOptional()
  @Problem<WorkerConfig>(({ tableAccountUrl = '' }) =>
    isHttps(tableAccountUrl) ? findTableUrlProblem(tableAccountUrl) : 'must be a URL that begins with https://',
  )
  tableAccountUrl: string | undefined = undefined;

  /** An App Configuration whose settings refer to the secrets, as the Durable Functions service had it. */
  @IsOptional()
  @AsOrigin()
  @Problem<WorkerConfig>(({ appConfigEndpoint = '' }) => findOriginProblem(appConfigEndpoint, isHttps))
  appConfigEndpoint: string | undefined = undefined;

  /** What the vault calls the connection string. */
  @SecretName()
  tableConnectionStringSecret: string = 'storage-account-connection-string';

  /** Of the storage account that has the audit table: a secret. */
  @Problem<WorkerConfig>(findPlainConnectionProblem)
  tableConnectionString: string = '';

  /** What the vault calls the key of the hashes. */
  @SecretName()
  identifierHashKeySecret: string = 'identifier-hash-key';

  @Matches(/^[A-Za-z][A-Za-z0-9]{2,62}$/, {
    message: 'must be a table name: 3 to 63 letters and digits, a letter first',
  })
  tableName: string = 'audit';

  /**
   * Keys the hashes of identification numbers, which are personal data: a secret, the same for all workers.
   * Without it a key that everybody knows is used.
   */
  @Problem<WorkerConfig>(findPlainHashKeyProblem)
  identifierHashKey: string = DEVELOPMENT_HASH_KEY;

  /** Whether secrets may come from the environment in production. */
  @Flag()
  allowPlainSecrets: boolean = false;

  /** Pages of the table in flight at once, over all queries of this process. */
  @WholeNumber(1, 256)
  scanConcurrency: number = 16;

  /** Queries that this process runs at once. */
  @WholeNumber(1, 64)
  queriesPerWorker: number = 4;

  /** Queries that all workers together run at once; without it, as many as they have places for. */
  @IsOptional()
  @WholeNumber(1, 10_000)
  maxRunningQueries: number | undefined = undefined;

  /** How long one request to the table may take. */
  @WholeNumber(1, 300)
  pageTimeoutSeconds: number = 30;

  /** How long one page is tried again before its query fails. */
  @WholeNumber(0, 3_600)
  pageRetrySeconds: number = 120;

  /** How long one query may run: all its runs together, without the time between them. */
  @WholeNumber(1, 86_400)
  queryTimeLimitSeconds: number = 3_600;

  /** How long the set of a scanned day is kept for reuse. */
  @WholeNumber(60, 31_536_000)
  daySetTtlSeconds: number = 86_400;

  /** How long a worker that went silent keeps its query. */
  @WholeNumber(1, 600)
  lockSeconds: number = 30;
}

/** A token never goes over plain http, not even on this machine. */
function isHttps(url: string): boolean {
  return URL.canParse(url) && new URL(url).protocol === 'https:';
}

/** Only where it is the way to the table; a way before it has no use for it. */
function findPlainConnectionProblem(config: WorkerConfig): string | undefined {
  const source = toTableSource(config);
  if (source.kind !== 'plain') return undefined;
  if (source.value === '') {
    return 'must be given, or TABLE_ACCOUNT_URL, APP_CONFIG_ENDPOINT or KEY_VAULT_URL in its place';
  }
  return findConnectionStringProblem(source.value, config) ?? findPlainSecretProblem(config);
}

function findPlainHashKeyProblem(config: WorkerConfig): string | undefined {
  const source = toHashKeySource(config);
  if (source.kind !== 'plain') return undefined;
  if (config.nodeEnv === 'production' && source.value === DEVELOPMENT_HASH_KEY) {
    return 'must be given when NODE_ENV=production, best as the secret IDENTIFIER_HASH_KEY_SECRET of KEY_VAULT_URL';
  }
  return findHashKeyProblem(source.value, config.nodeEnv) ?? findPlainSecretProblem(config);
}

function findPlainSecretProblem({ nodeEnv, allowPlainSecrets }: WorkerConfig): string | undefined {
  if (nodeEnv !== 'production' || allowPlainSecrets) return undefined;
  return 'must come from a vault when NODE_ENV=production (set KEY_VAULT_URL), unless ALLOW_PLAIN_SECRETS=true is set';
}
