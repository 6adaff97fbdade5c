import { Controller, Get, Param, Post, Query, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ApiConfig } from '#shared/config/api-config';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal } from '#shared/contract/query-status';
import { Caller } from '../auth/caller';
import { QueryService } from '../queries/query-service';
import { toRetryAfterSeconds } from '../queries/retry-after';
import { toLocation } from '../queries/to-location';
import { OriginalErrorFilter } from './original-error.filter';
import { parseOriginalRange } from './parse-original-range';

/** The two routes of the Durable Functions service that this one replaces, for its clients to work unchanged. */
@Controller('api')
@UseFilters(OriginalErrorFilter)
export class OriginalController {
  constructor(
    private readonly queries: QueryService,
    private readonly config: ApiConfig,
  ) {}

  @Get('submit/query')
  submit(
    @Query('s') s: unknown,
    @Query('e') e: unknown,
    @Caller() caller: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.submitAndAnswer(s, e, caller, reply);
  }

  @Post('submit/query')
  submitByPost(
    @Query('s') s: unknown,
    @Query('e') e: unknown,
    @Caller() caller: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.submitAndAnswer(s, e, caller, reply);
  }

  @Get('status/:id')
  async status(@Param('id') id: string, @Caller() caller: string, @Res() reply: FastifyReply): Promise<void> {
    const state = await this.queries.read(id, caller);
    if (!isTerminal(state.status)) this.setAlive(state, reply);
    void reply.send({ id, status: state.status, result: toOriginalResult(state) });
  }

  private async submitAndAnswer(s: unknown, e: unknown, caller: string, reply: FastifyReply): Promise<void> {
    const request = parseOriginalRange(s, e, new Date().getUTCFullYear(), this.config.maxRangeDays);
    const state = await this.queries.submit(request, caller);
    void reply.send({ statusUri: this.setAlive(state, reply) });
  }

  /** @returns Where the client should look next. */
  private setAlive(state: QueryState, reply: FastifyReply): string {
    const location = toLocation(this.config, `/api/status/${state.id}`);
    const retryAfter = toRetryAfterSeconds(state, Date.now());
    void reply.status(202).headers({ Location: location, 'Retry-After': retryAfter, 'Cache-Control': 'no-store' });
    return location;
  }
}

/** A number when completed, a text when it ended otherwise, null before. */
function toOriginalResult({ result, error }: QueryState): number | string | null {
  if (error !== null) return `${error.code}: ${error.message}`;
  return result?.count ?? null;
}
