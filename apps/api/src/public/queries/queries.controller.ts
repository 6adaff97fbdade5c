import { Body, Controller, Delete, Get, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ApiConfig } from '#shared/config/api-config';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal, QueryStatus } from '#shared/contract/query-status';
import { Caller } from '../auth/caller';
import { ProblemError } from '../errors/problem-error';
import { parseQueryRequest } from './parse-query-request';
import { toQueryDocument } from './query-document';
import { QueryService } from './query-service';
import { toRetryAfterSeconds } from './retry-after';
import { toLocation } from './to-location';

/** Readable by scripts of other origins, where such are let in. */
const EXPOSED_HEADERS =
  'Location, Retry-After, ETag, Preference-Applied, Idempotency-Replayed, RateLimit, RateLimit-Policy';

@Controller('api/queries')
export class QueriesController {
  constructor(
    private readonly queries: QueryService,
    private readonly config: ApiConfig,
  ) {}

  @Post()
  async submit(@Body() body: unknown, @Caller() caller: string, @Res() reply: FastifyReply): Promise<void> {
    const request = parseQueryRequest(body, this.config.maxRangeDays);
    this.sendAlive(await this.queries.submit(request, caller), reply);
  }

  @Get(':id')
  async status(@Param('id') id: string, @Caller() caller: string, @Res() reply: FastifyReply): Promise<void> {
    send(reply, 200, await this.queries.read(id, caller));
  }

  @Get(':id/result')
  async result(@Param('id') id: string, @Caller() caller: string, @Res() reply: FastifyReply): Promise<void> {
    const state = await this.queries.read(id, caller);
    if (!isTerminal(state.status)) return this.sendAlive(state, reply);
    if (state.status === QueryStatus.Completed) return send(reply, 200, state);
    throw new ProblemError(state.error?.code ?? 'QUERY_FAILED');
  }

  @Delete(':id')
  async terminate(@Param('id') id: string, @Caller() caller: string, @Res() reply: FastifyReply): Promise<void> {
    const { state, wasTerminal } = await this.queries.terminate(id, caller);
    send(reply, wasTerminal ? 200 : 202, state);
  }

  /** The answer that sends a client round again. */
  private sendAlive(state: QueryState, reply: FastifyReply): void {
    reply.header('Location', toLocation(this.config, `/api/queries/${state.id}/result`));
    send(reply, 202, state);
  }
}

function send(reply: FastifyReply, status: number, state: QueryState): void {
  if (!isTerminal(state.status)) reply.header('Retry-After', toRetryAfterSeconds(state, Date.now()));
  void reply
    .status(status)
    .headers({ 'Cache-Control': 'no-store', 'Access-Control-Expose-Headers': EXPOSED_HEADERS })
    .send(toQueryDocument(state));
}
