import { Injectable } from '@nestjs/common';
import { Transform, Type } from 'class-transformer';
import { IsDate, IsIn, IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import type { QueryState } from '#shared/contract/query-document';
import { QueryStatus } from '#shared/contract/query-status';
import { CallerQueries, type ListPosition } from '#shared/redis/caller-queries';
import { QueryStates } from '#shared/redis/query-states';
import { ProblemError } from '../errors/problem-error';
import { validateMembers } from '../validate-members';
import { QueryService } from './query-service';

const LARGEST_PAGE = 100;
const DEFAULT_PAGE = 20;

/** Entries looked at for one page, whatever the filter lets through: then the caller is sent on with a token. */
const LOOKED_AT_MOST = 1_000;

/** A query without records is one that has expired, or one that is being queued this moment. */
const SURELY_GONE_AFTER_MS = 3_600_000;

const STATUS_RULE = `status must be one of ${Object.values(QueryStatus).join(', ')}`;
const PAGE_RULE = `pageSize must be a whole number from 1 to ${LARGEST_PAGE}`;
const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;

/** A time as ISO 8601 with its zone, or a day, which begins at midnight UTC. */
function Time(name: string): PropertyDecorator {
  const message = `${name} must be a time such as 2021-10-10T08:30:00Z, or a day`;
  const toDate = ({ value }: { value: unknown }) =>
    typeof value === 'string' && TIME.test(value) ? new Date(value) : value;
  return (target, member) => {
    Transform(toDate)(target, member);
    IsOptional()(target, member);
    IsDate({ message })(target, member);
  };
}

/** The parameters of the list. */
export class ListRequest {
  @IsOptional()
  @IsIn(Object.values(QueryStatus), { message: STATUS_RULE })
  status?: QueryStatus;

  /** Inclusive. */
  @Time('createdAfter')
  createdAfter?: Date;

  /** Inclusive. */
  @Time('createdBefore')
  createdBefore?: Date;

  @Type(() => Number)
  @IsInt({ message: PAGE_RULE })
  @Min(1, { message: PAGE_RULE })
  @Max(LARGEST_PAGE, { message: PAGE_RULE })
  pageSize: number = DEFAULT_PAGE;

  @IsOptional()
  @IsString({ message: 'pageToken must be given once' })
  @Matches(/^\d{1,15}-[0-9a-f]{32}$/, { message: 'pageToken must be one that a page of this list gave' })
  pageToken?: string;
}

/** @throws ProblemError REQUEST_INVALID, naming every wrong parameter at once. */
export function parseListRequest(query: object): ListRequest {
  const { members: request, problems } = validateMembers(ListRequest, query);
  if (problems.length === 0) return request;
  const rules = problems.map(({ property, constraints = {} }) =>
    constraints['whitelistValidation'] ? `${property} is not a parameter of the list` : Object.values(constraints)[0],
  );
  throw new ProblemError('REQUEST_INVALID', { detail: `${rules.join('; ')}.` });
}

export interface QueryPage {
  states: QueryState[];
  /** Undefined on the last page. */
  nextPageToken: string | undefined;
}

/** A caller's own queries. */
@Injectable()
export class QueryList {
  constructor(
    private readonly callerQueries: CallerQueries,
    private readonly states: QueryStates,
    private readonly queries: QueryService,
  ) {}

  /** Newest first; a page can be short, even empty, and still have a next one. */
  read(caller: string, request: ListRequest): Promise<QueryPage> {
    return this.queries.reach(() => this.readPage(caller, request));
  }

  private async readPage(caller: string, request: ListRequest): Promise<QueryPage> {
    const range = {
      createdAfter: request.createdAfter?.getTime() ?? 0,
      createdBefore: request.createdBefore?.getTime() ?? Infinity,
    };
    const states: QueryState[] = [];
    let after = request.pageToken === undefined ? undefined : readPosition(request.pageToken);
    for (let lookedAt = 0; lookedAt < LOOKED_AT_MOST; lookedAt += LARGEST_PAGE) {
      const positions = await this.callerQueries.list(caller, { ...range, after }, LARGEST_PAGE);
      const found = await this.states.readMany(positions.map(({ id }) => id));
      const gone: string[] = [];
      for (const [i, position] of positions.entries()) {
        const state = found[i];
        if (state === undefined) {
          if (position.createdAt < Date.now() - SURELY_GONE_AFTER_MS) gone.push(position.id);
        } else if (request.status === undefined || state.status === request.status) {
          if (states.length === request.pageSize) return { states, nextPageToken: after && toToken(after) };
          states.push(state);
        }
        after = position;
      }
      await this.callerQueries.forget(caller, gone);
      if (positions.length < LARGEST_PAGE) return { states, nextPageToken: undefined };
    }
    return { states, nextPageToken: after && toToken(after) };
  }
}

function toToken({ createdAt, id }: ListPosition): string {
  return `${createdAt}-${id}`;
}

function readPosition(token: string): ListPosition {
  const [createdAt, id = ''] = token.split('-');
  return { createdAt: Number(createdAt), id };
}
