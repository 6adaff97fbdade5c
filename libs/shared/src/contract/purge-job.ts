import { plainToInstance } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, validateSync } from 'class-validator';
import { TERMINAL_STATUSES, type TerminalStatus } from './query-status';

/** The queue that holds one job for each purge of many queries. */
export const PURGE_QUEUE = 'purges';

/** The only kind of job on it. */
export const PURGE_JOB = 'purge-queries';

/** Which queries are to be purged: of those that have ended, all that fit. */
export class PurgeJobPayload {
  /** Absent: whichever. */
  @IsOptional()
  @IsIn(TERMINAL_STATUSES)
  status?: TerminalStatus;

  /** Inclusive; milliseconds since 1970 by Redis' clock. Always given, so that a purge comes to an end. */
  @IsInt()
  createdBefore!: number;

  /** Who has asked for it. */
  @IsString()
  operator!: string;
}

/** The progress of a purge, from which it continues after a crash. */
export interface PurgeProgress {
  /** Queries looked at; some of them are live, or do not fit. */
  looked: number;
  purged: number;
  /** Where it is in the list of all queries, newest first; null before the first batch. */
  after: { createdAt: number; id: string } | null;
}

/** Undefined when the data of a job is not what this version understands. */
export function readPurgePayload(name: string, data: unknown): PurgeJobPayload | undefined {
  if (name !== PURGE_JOB || typeof data !== 'object' || data === null) return undefined;
  const payload = plainToInstance(PurgeJobPayload, data);
  return validateSync(payload, { forbidUnknownValues: true }).length === 0 ? payload : undefined;
}

/** BullMQ has `0` where a job has made no progress. */
export function readPurgeProgress(progress: unknown): PurgeProgress {
  const none: PurgeProgress = { looked: 0, purged: 0, after: null };
  return typeof progress === 'object' && progress !== null ? { ...none, ...progress } : none;
}
