import { Transform } from 'class-transformer';
import { IsBoolean, IsIn, IsOptional, IsString, MaxLength, MinLength } from 'class-validator';
import { TERMINAL_STATUSES, type TerminalStatus } from '#shared/contract/query-status';
import { toBoolean } from '#shared/config/rules';
import { ListRequest, Time } from '../../queue/list-request';

export const LONGEST_REASON = 500;
export const LONGEST_CALLER = 500;

/** `true` or `false`; absent: the default of the member. */
function BooleanParameter(name: string): PropertyDecorator {
  return (target, member) => {
    Transform(toBoolean)(target, member);
    IsBoolean({ message: `${name} must be true or false` })(target, member);
  };
}

/** The parameters of the list of all callers' queries. */
export class OperatorListRequest extends ListRequest {
  @IsOptional()
  @IsString({ message: 'caller must be given once' })
  @MinLength(1, { message: 'caller must not be empty' })
  @MaxLength(LONGEST_CALLER, { message: `caller must have at most ${LONGEST_CALLER} characters` })
  caller?: string;
}

/** What is shown of a query, by the names and defaults of Durable Functions. */
export class ShowRequest {
  /** The request that was submitted. */
  @BooleanParameter('showInput')
  showInput: boolean = true;

  /** What has happened, by whom. */
  @BooleanParameter('showHistory')
  showHistory: boolean = false;

  /** What each of it came to, in numbers. Nothing without `showHistory`. */
  @BooleanParameter('showHistoryOutput')
  showHistoryOutput: boolean = false;
}

export class TerminateRequest {
  @IsOptional()
  @IsString({ message: 'reason must be given once' })
  @MaxLength(LONGEST_REASON, { message: `reason must have at most ${LONGEST_REASON} characters` })
  reason?: string;
}

/** Which of the queries that have ended are purged; without parameters all of them. */
export class PurgeRequest {
  @IsOptional()
  @IsIn(TERMINAL_STATUSES, { message: `status must be one of ${TERMINAL_STATUSES.join(', ')}` })
  status?: TerminalStatus;

  /** Inclusive; absent: until now. */
  @Time('createdBefore')
  createdBefore?: Date;
}
