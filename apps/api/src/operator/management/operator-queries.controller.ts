import { Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ParametersPipe } from '../../http/parameters.pipe';
import { toNextPageLink } from '../../http/headers';
import { Operator } from '../../auth/caller';
import {
  GetOperatorQueryOperation,
  ListOperatorQueriesOperation,
  PurgeQueriesOperation,
  PurgeQueryOperation,
  RestartQueryOperation,
  RewindQueryOperation,
  TerminateOperatorQueryOperation,
} from '../../openapi/operator-operations';
import {
  LONGEST_CALLER,
  LONGEST_REASON,
  OperatorListRequest,
  PurgeRequest,
  ShowRequest,
  TerminateRequest,
} from './management-requests';
import { toListItem, toOperatorQueryDocument } from './operator-query-document';
import { Purges } from './purges';
import { QueryList } from '../../queue/query-list';
import { QueryInspection, QueryManagement } from './query-management';
import { QuerySuccessions, type Succession } from './query-successions';

@Controller('operator/queries')
export class OperatorQueriesController {
  constructor(
    private readonly list: QueryList,
    private readonly inspection: QueryInspection,
    private readonly queries: QueryManagement,
    private readonly successions: QuerySuccessions,
    private readonly purges: Purges,
  ) {}

  @Get()
  @ListOperatorQueriesOperation(LONGEST_CALLER)
  async listAll(
    @Query(ParametersPipe) request: OperatorListRequest,
    @Query() query: object,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { states, nextPageToken = null } = await this.list.takePage(request.caller, request);
    if (nextPageToken !== null) void reply.header('Link', toNextPageLink('/operator/queries', query, nextPageToken));
    return { items: states.map(toListItem), nextPageToken };
  }

  @Get(':id')
  @GetOperatorQueryOperation()
  async read(@Param('id') id: string, @Query(ParametersPipe) show: ShowRequest): Promise<object> {
    const { state, details } = await this.inspection.read(id, show.showHistory);
    return toOperatorQueryDocument(state, details, show);
  }

  @Post(':id/terminate')
  @TerminateOperatorQueryOperation(LONGEST_REASON)
  async terminate(
    @Param('id') id: string,
    @Query(ParametersPipe) { reason }: TerminateRequest,
    @Operator() operator: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { state, wasTerminal } = await this.queries.terminate(id, operator, reason);
    void reply.status(wasTerminal ? 200 : 202);
    return toListItem(state);
  }

  @Post(':id/restart')
  @RestartQueryOperation()
  async restart(
    @Param('id') id: string,
    @Operator() operator: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return toSuccessor(await this.successions.restart(id, operator), reply);
  }

  @Post(':id/rewind')
  @RewindQueryOperation()
  async rewind(
    @Param('id') id: string,
    @Operator() operator: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return toSuccessor(await this.successions.rewind(id, operator), reply);
  }

  @Delete(':id')
  @HttpCode(204)
  @PurgeQueryOperation()
  async purge(@Param('id') id: string): Promise<void> {
    await this.queries.purge(id);
  }

  @Delete()
  @HttpCode(202)
  @PurgeQueriesOperation()
  async purgeMany(
    @Query(ParametersPipe) request: PurgeRequest,
    @Operator() operator: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const purge = await this.purges.begin(request, operator);
    void reply.headers({ Location: purge.links.self, 'Retry-After': 1 });
    return purge;
  }
}

function toSuccessor({ state, wasThere }: Succession, reply: FastifyReply): object {
  const item = toListItem(state);
  void reply.status(wasThere ? 200 : 202).header('Location', item.links.self);
  return item;
}
