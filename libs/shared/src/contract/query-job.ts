import { plainToInstance, Type } from 'class-transformer';
import { Equals, IsInt, IsNotEmpty, IsOptional, IsString, ValidateNested, validateSync } from 'class-validator';
import { QueryFailedError } from './query-failed-error';
import { QueryRequest } from './query-request';

/** The queue that holds one job for each query. */
export const QUERY_QUEUE = 'queries';

/** The only kind of job on the queue. */
export const QUERY_JOB = 'count-distinct';

/** Raised when a worker of the former version would misread the payload. */
const PAYLOAD_VERSION = 1;

/** What a job carries: written by the API, checked again by the worker. */
export class QueryJobPayload {
  @Equals(PAYLOAD_VERSION)
  version: number = PAYLOAD_VERSION;

  @IsString()
  @IsNotEmpty()
  caller!: string;

  @ValidateNested()
  @Type(() => QueryRequest)
  request!: QueryRequest;

  /** Tells which of several submissions under one idempotency key made the job. */
  @IsOptional()
  @IsString()
  submissionId?: string;

  /**
   * The query continues with the days of a failed one: their freshness is judged as of then, milliseconds since 1970 by
   * Redis' clock. Absent: as of its own creation.
   */
  @IsOptional()
  @IsInt()
  freshAsOf?: number;
}

export function toJobPayload(request: QueryRequest, caller: string, submissionId?: string): QueryJobPayload {
  return Object.assign(new QueryJobPayload(), { caller, request }, submissionId === undefined ? {} : { submissionId });
}

/**
 * Reads the payload of a taken job.
 *
 * @throws QueryFailedError QUERY_INVALID when the job's name or data is not what this version understands.
 */
export function parseQueryJob(name: string, data: unknown): QueryJobPayload {
  if (name !== QUERY_JOB) throw new QueryFailedError('QUERY_INVALID', `unknown job name ${name}`);
  const payload = plainToInstance(QueryJobPayload, data);
  const problems = payload instanceof QueryJobPayload ? validateSync(payload, { forbidUnknownValues: true }) : [data];
  if (problems.length > 0) throw new QueryFailedError('QUERY_INVALID', 'the payload of the job does not parse');
  return payload;
}

/**
 * How often BullMQ starts a job over after an unexpected error, which does not include a drained or lost worker.
 */
export const QUERY_ATTEMPTS = 3;
