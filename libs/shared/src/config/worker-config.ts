import { IsOptional, IsString, Matches, MinLength } from 'class-validator';
import { CommonConfig } from './common-config';
import { Port, Rule, WholeNumber } from './rules';

const PLAIN_HTTP = /(^|;)\s*(DefaultEndpointsProtocol=http\s*(;|$)|TableEndpoint=http:|UseDevelopmentStorage=)/i;

/** What `apps/worker` is told. */
export class WorkerConfig extends CommonConfig {
  /** Where `/health` listens; nothing else does. */
  @IsString()
  healthHost: string = '127.0.0.1';

  @Port()
  healthPort: number = 3_002;

  /** Of the storage account that has the audit table: a secret. */
  @IsString()
  @Matches(/(^|;)\s*(AccountKey=|UseDevelopmentStorage=true)/i, {
    message: 'must be the connection string of a storage account, with its key',
  })
  @Rule<WorkerConfig>(
    'isEncrypted',
    'must use https when NODE_ENV=production',
    ({ nodeEnv, tableConnectionString: text }) => nodeEnv !== 'production' || !PLAIN_HTTP.test(text),
  )
  tableConnectionString: string = '';

  @Matches(/^[A-Za-z][A-Za-z0-9]{2,62}$/, {
    message: 'must be a table name: 3 to 63 letters and digits, a letter first',
  })
  tableName: string = 'audit';

  /**
   * Keys the hashes of identification numbers, which are personal data: a secret, the same for all workers.
   * Without it a key that everybody knows is used.
   */
  @IsOptional()
  @MinLength(32, { message: 'must have at least 32 characters' })
  @Rule<WorkerConfig>(
    'isGivenInProduction',
    'must be given when NODE_ENV=production',
    ({ nodeEnv, identifierHashKey }) => nodeEnv !== 'production' || identifierHashKey !== DEVELOPMENT_HASH_KEY,
  )
  identifierHashKey: string = DEVELOPMENT_HASH_KEY;

  /** Pages of the table in flight at once, over all queries of this process. */
  @WholeNumber(1, 256)
  scanConcurrency: number = 16;

  /** Queries that this process runs at once. */
  @WholeNumber(1, 64)
  queriesPerWorker: number = 4;

  /** How long one request to the table may take. */
  @WholeNumber(1, 300)
  pageTimeoutSeconds: number = 30;

  /** How long one page is tried again before its query fails. */
  @WholeNumber(0, 3_600)
  pageRetrySeconds: number = 120;

  /** How long one query may run, from its first start. */
  @WholeNumber(1, 86_400)
  queryTimeLimitSeconds: number = 3_600;

  /** How long the set of a scanned day is kept for reuse. */
  @WholeNumber(60, 31_536_000)
  daySetTtlSeconds: number = 86_400;

  /** How long a worker that went silent keeps its query. */
  @WholeNumber(1, 600)
  lockSeconds: number = 30;
}

/** Good enough where the data is made up. */
const DEVELOPMENT_HASH_KEY = 'development-only-identifier-hash-key';
