import { IsIn, IsOptional, IsString } from 'class-validator';
import { CommonConfig } from './common-config';
import { Flag, Port, Rule, UrlOf, WholeNumber } from './rules';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);
const ANONYMOUS_BEYOND_LOOPBACK = 'must be a loopback address, unless ALLOW_ANONYMOUS=true says that anyone may call';

function isGuarded(host: string, config: ApiConfig): boolean {
  return LOOPBACK.has(host) || config.allowAnonymous;
}

/** What `apps/api` is told. */
export class ApiConfig extends CommonConfig {
  @IsString()
  @Rule<ApiConfig>('isGuarded', ANONYMOUS_BEYOND_LOOPBACK, (config) => isGuarded(config.host, config))
  host: string = '127.0.0.1';

  @Port()
  port: number = 3_000;

  @IsString()
  @Rule<ApiConfig>('isGuarded', ANONYMOUS_BEYOND_LOOPBACK, (config) => isGuarded(config.operatorHost, config))
  operatorHost: string = '127.0.0.1';

  @Port()
  operatorPort: number = 3_001;

  /** The origin in `Location`; without it, `Location` is a relative reference. */
  @IsOptional()
  @UrlOf('http', 'https')
  publicBaseUrl: string | undefined = undefined;

  @IsIn(['none'], { message: 'must be none' })
  authMode = 'none' as const;

  @Flag()
  allowAnonymous: boolean = false;

  /** The longest range of one query, in days. */
  @WholeNumber(1, 36_600)
  maxRangeDays: number = 366;
}
