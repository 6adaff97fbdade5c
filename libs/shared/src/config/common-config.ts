import { IsIn, IsOptional, Matches } from 'class-validator';
import { findCaFileProblem, findRedisUrlProblem } from '../redis/redis-url';
import { AsOrigin, findOriginProblem } from './base-url';
import { isSafeUrl } from './loopback';
import { Flag, Problem, UrlOf, WholeNumber } from './rules';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

/** What both processes are told. */
export class CommonConfig {
  /** `production` forbids what is only good enough for a machine of one's own. */
  @IsIn(['development', 'test', 'production'], { message: 'must be development, test or production' })
  nodeEnv: 'development' | 'test' | 'production' = 'development';

  @IsIn(LOG_LEVELS, { message: `must be one of ${LOG_LEVELS.join(', ')}` })
  logLevel: (typeof LOG_LEVELS)[number] = 'info';

  /** `pretty` is for people; without it, that is what a terminal gets, and everything else JSON. */
  @IsOptional()
  @IsIn(['json', 'pretty'], { message: 'must be json or pretty' })
  logFormat: 'json' | 'pretty' | undefined = undefined;

  /** Where traces go, by OTLP; without it there are none. The SDK reads the other variables of OpenTelemetry itself. */
  @IsOptional()
  @UrlOf('http', 'https')
  otelExporterOtlpEndpoint: string | undefined = undefined;

  /** The same as a complete URL, with the path; either of the two is enough, and this one goes first. */
  @IsOptional()
  @UrlOf('http', 'https')
  otelExporterOtlpTracesEndpoint: string | undefined = undefined;

  /** One server, sentinels or a cluster; may have a password. */
  @Problem<CommonConfig>(({ redisUrl }) => findRedisUrlProblem(redisUrl))
  redisUrl: string = 'redis://127.0.0.1:6379';

  /**
   * Whether a Redis that does not tell its eviction policy, such as Azure Managed Redis, evicts nothing, as its own
   * settings then have to say. One that tells another policy is refused all the same.
   */
  @Flag()
  assumeNoeviction: boolean = false;

  /** Certificates of the authority that alone is trusted for Redis; without it, those that Node trusts. */
  @IsOptional()
  @Problem<CommonConfig>(findRedisCaFileProblem)
  redisTlsCaFile: string | undefined = undefined;

  /** The hash tag keeps all keys in one slot of a Redis Cluster, where a script may touch them together. */
  @Matches(/^\{[^{}:\s]+\}$/, { message: 'must be one name in braces, such as {audit-query}' })
  keyPrefix: string = '{audit-query}';

  /** How long a query that has ended is kept. */
  @WholeNumber(1, 31_536_000)
  resultTtlSeconds: number = 86_400;

  /** From SIGTERM to the end of the process; the platform's own grace period must be longer. */
  @WholeNumber(1, 3_600)
  shutdownGraceSeconds: number = 25;

  /** The vault that has the secrets. */
  @IsOptional()
  @AsOrigin()
  @Problem<CommonConfig>(({ keyVaultUrl = '', nodeEnv }) =>
    findOriginProblem(keyVaultUrl, (url) => isSafeUrl(url, nodeEnv)),
  )
  keyVaultUrl: string | undefined = undefined;

  /** How often what a vault has is read again, for the case that it was changed; so is a file. */
  @WholeNumber(1, 86_400)
  secretRefreshSeconds: number = 300;
}

/** A file that nobody looks at would be taken for protection. */
function findRedisCaFileProblem({ redisUrl, redisTlsCaFile }: CommonConfig): string | undefined {
  if (redisTlsCaFile === undefined) return undefined;
  if (!/^rediss[:+]/.test(redisUrl)) return 'must not be given unless REDIS_URL begins with rediss';
  return findCaFileProblem(redisTlsCaFile);
}
