import { Injectable } from '@nestjs/common';
import { CallerQueries } from '#shared/redis/caller-queries';
import { QueryStates } from '#shared/redis/query-states';
import type { ListRequest } from '../../queue/list-request';
import { RedisClock } from '../../queue/redis-clock';
import { type QueryPage, readQueryPage } from '../../queue/query-list';
import { QueryService } from './query-service';

/** A caller's own queries. */
@Injectable()
export class QueryList {
  constructor(
    private readonly callerQueries: CallerQueries,
    private readonly states: QueryStates,
    private readonly queries: QueryService,
    private readonly clock: RedisClock,
  ) {}

  read(caller: string, request: ListRequest): Promise<QueryPage> {
    const readClock = () => this.clock.read();
    return this.queries.reach(() => readQueryPage(this.callerQueries.of(caller), this.states, request, readClock));
  }
}
