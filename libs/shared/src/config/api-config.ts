import { Transform } from 'class-transformer';
import { IsOptional, IsString } from 'class-validator';
import { CallerAuthConfig, EntraConfig, OperatorAuthConfig } from './auth-config';
import { CommonConfig } from './common-config';
import { composeConfig } from './parse-config';
import { BaseUrl, readOrigin } from './base-url';
import { LOOPBACK } from './loopback';
import { Flag, Port, Problem, Rule, WholeNumber } from './rules';

const ANONYMOUS_BEYOND_LOOPBACK =
  'must be a loopback address while AUTH_MODE=none, unless ALLOW_ANONYMOUS=true says that anyone may call';

/** What `apps/api` is told. */
export class ApiConfig extends composeConfig(CommonConfig, EntraConfig, OperatorAuthConfig, CallerAuthConfig) {
  @IsString()
  @Rule<ApiConfig>(
    'isGuarded',
    ANONYMOUS_BEYOND_LOOPBACK,
    ({ host, authMode, allowAnonymous }) => LOOPBACK.has(host) || authMode !== 'none' || allowAnonymous,
  )
  host: string = '127.0.0.1';

  @Port()
  port: number = 3_000;

  @Port()
  operatorPort: number = 3_001;

  /** What `Location` begins with; without it, `Location` is a relative reference. */
  @IsOptional()
  @BaseUrl()
  publicBaseUrl: string | undefined = undefined;

  /** The path of `publicBaseUrl`, without a slash at its end: what a gateway strips. Empty where there is none. */
  get publicBasePath(): string {
    return this.publicBaseUrl === undefined ? '' : new URL(this.publicBaseUrl).pathname.replace(/\/$/, '');
  }

  /** The longest range of one query, in days. */
  @WholeNumber(1, 36_600)
  maxRangeDays: number = 366;

  /** The longest that an answer is held back for a client that asks for it. */
  @WholeNumber(0, 300)
  maxWaitSeconds: number = 55;

  /** Of one caller, over all API processes. */
  @WholeNumber(1, 1_000_000)
  submissionsPerMinute: number = 60;

  /** Queries of one caller that have not ended. */
  @WholeNumber(1, 1_000_000)
  liveQueriesPerCaller: number = 100;

  /** Of one query; a long poll or an event stream counts as one. */
  @WholeNumber(1, 1_000_000)
  pollsPerMinute: number = 120;

  /** Of one caller over all routes that ask for a caller, and over all API processes. */
  @WholeNumber(1, 1_000_000)
  requestsPerMinute: number = 3_000;

  /** Event streams of one caller that are open at once, in each API process. */
  @WholeNumber(1, 1_000_000)
  eventStreamsPerCaller: number = 100;

  /** Connections to the callers' listener that are open at once, in each API process; more are closed at once. */
  @WholeNumber(1, 1_000_000)
  maxConnections: number = 10_000;

  /** Origins whose scripts may call, with commas between, in the form in which browsers send them; none by default. */
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? splitOrigins(value) : value))
  @Problem<ApiConfig>(({ corsOrigins }) =>
    corsOrigins.every((origin) => readOrigin(origin) !== undefined)
      ? undefined
      : 'must be origins such as https://app.example, without a path, a query or a user, with commas between',
  )
  corsOrigins: string[] = [];

  /** Whether operators can only look at the dashboard, or also act by it. */
  @Flag()
  boardReadOnly: boolean = true;
}

/** What is no origin stays as it is. */
function splitOrigins(text: string): string[] {
  return text.split(/\s*,\s*/).map((origin) => readOrigin(origin) ?? origin);
}
