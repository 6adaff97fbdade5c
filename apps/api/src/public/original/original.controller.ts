import { Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { ApiConfig } from '#shared/config/api-config';
import type { QueryState } from '#shared/contract/query-document';
import { QueryRequest } from '#shared/contract/query-request';
import { isTerminal } from '#shared/contract/query-status';
import { Caller } from '../../auth/caller';
import { GetOriginalStatusOperation, SubmitOriginalOperation } from '../../openapi/original-operations';
import { QueryResponder } from '../queries/query-responder';
import { OwnQueries } from '../queries/own-queries';
import { createSubmissionId, QuerySubmissions } from '../queries/query-submissions';
import { toLocation } from '../../http/headers';
import { OriginalRangePipe } from './original-range.pipe';

/** The two routes of the Durable Functions service that this one replaces, kept for its clients; docs/migration.md has what differs. */
@Controller('api')
export class OriginalController {
  constructor(
    private readonly submissions: QuerySubmissions,
    private readonly queries: OwnQueries,
    private readonly responder: QueryResponder,
    private readonly config: ApiConfig,
  ) {}

  @Get('submit/query')
  @RouteConfig({ isChange: true })
  @SubmitOriginalOperation('submitOriginalQuery')
  submit(
    @Query(OriginalRangePipe) request: QueryRequest,
    @Caller() caller: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.submitAndAnswer(request, caller, reply);
  }

  @Post('submit/query')
  @SubmitOriginalOperation('postOriginalQuery')
  submitByPost(
    @Query(OriginalRangePipe) request: QueryRequest,
    @Caller() caller: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.submitAndAnswer(request, caller, reply);
  }

  @Get('status/:id')
  @GetOriginalStatusOperation()
  async status(@Param('id') id: string, @Caller() caller: string, @Res() reply: FastifyReply): Promise<void> {
    const { state, limits } = await this.queries.poll(id, caller);
    void reply.headers({ ...limits, 'Cache-Control': 'no-store' });
    if (!isTerminal(state.status)) await this.setAlive(state, reply);
    void reply.send({ id, status: state.status, result: toOriginalResult(state) });
  }

  private async submitAndAnswer(request: QueryRequest, caller: string, reply: FastifyReply): Promise<void> {
    const { state, limits } = await this.submissions.submit(createSubmissionId(caller), request, caller);
    void reply.headers(limits).send({ statusUri: await this.setAlive(state, reply) });
  }

  /** @returns Where the client should look next. */
  private async setAlive(state: QueryState, reply: FastifyReply): Promise<string> {
    const location = toLocation(this.config, `/api/status/${state.id}`);
    const retryAfter = await this.responder.readRetryAfterSeconds(state);
    void reply.status(202).headers({ Location: location, 'Retry-After': retryAfter, 'Cache-Control': 'no-store' });
    return location;
  }
}

/** A number when completed, a text when it ended otherwise, null before. */
function toOriginalResult({ result, error }: QueryState): number | string | null {
  if (error !== null) return `${error.code}: ${error.message}`;
  return result?.count ?? null;
}
