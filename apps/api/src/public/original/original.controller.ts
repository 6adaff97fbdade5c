import { Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { ApiConfig } from '#shared/config/api-config';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal } from '#shared/contract/query-status';
import { Caller } from '../../auth/caller';
import { GetOriginalStatusOperation, SubmitOriginalOperation } from '../../openapi/original-operations';
import { QueryResponder } from '../queries/query-responder';
import { QueryService } from '../queries/query-service';
import { toLocation } from '../../http/headers';
import { parseOriginalRange } from './parse-original-range';

/** The two routes of the Durable Functions service that this one replaces, kept for its clients; docs/migration.md has what differs. */
@Controller('api')
export class OriginalController {
  constructor(
    private readonly queries: QueryService,
    private readonly responder: QueryResponder,
    private readonly config: ApiConfig,
  ) {}

  @Get('submit/query')
  @RouteConfig({ isChange: true })
  @SubmitOriginalOperation('submitOriginalQuery')
  submit(
    @Query('s') s: unknown,
    @Query('e') e: unknown,
    @Caller() caller: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.submitAndAnswer(s, e, caller, reply);
  }

  @Post('submit/query')
  @SubmitOriginalOperation('postOriginalQuery')
  submitByPost(
    @Query('s') s: unknown,
    @Query('e') e: unknown,
    @Caller() caller: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.submitAndAnswer(s, e, caller, reply);
  }

  @Get('status/:id')
  @GetOriginalStatusOperation()
  async status(@Param('id') id: string, @Caller() caller: string, @Res() reply: FastifyReply): Promise<void> {
    const { state, limits } = await this.queries.poll(id, caller);
    void reply.headers({ ...limits, 'Cache-Control': 'no-store' });
    if (!isTerminal(state.status)) await this.setAlive(state, reply);
    void reply.send({ id, status: state.status, result: toOriginalResult(state) });
  }

  private async submitAndAnswer(s: unknown, e: unknown, caller: string, reply: FastifyReply): Promise<void> {
    const request = parseOriginalRange(s, e, new Date().getUTCFullYear(), this.config.maxRangeDays);
    const { state, limits } = await this.queries.submit(this.queries.name(caller), request, caller);
    void reply.headers(limits).send({ statusUri: await this.setAlive(state, reply) });
  }

  /** @returns Where the client should look next. */
  private async setAlive(state: QueryState, reply: FastifyReply): Promise<string> {
    const location = toLocation(this.config, `/api/status/${state.id}`);
    const retryAfter = await this.responder.readRetryAfter(state);
    void reply.status(202).headers({ Location: location, 'Retry-After': retryAfter, 'Cache-Control': 'no-store' });
    return location;
  }
}

/** A number when completed, a text when it ended otherwise, null before. */
function toOriginalResult({ result, error }: QueryState): number | string | null {
  if (error !== null) return `${error.code}: ${error.message}`;
  return result?.count ?? null;
}
