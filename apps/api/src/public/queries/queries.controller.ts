import { randomBytes } from 'node:crypto';
import { Body, Controller, Delete, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiConfig } from '#shared/config/api-config';
import type { QueryState } from '#shared/contract/query-document';
import { isTerminal } from '#shared/contract/query-status';
import { Caller } from '../../auth/caller';
import {
  GetQueryOperation,
  GetQueryResultOperation,
  ListQueriesOperation,
  StreamQueryEventsOperation,
  SubmitQueryOperation,
  TerminateQueryOperation,
} from '../../openapi/query-operations';
import { ProblemError } from '../../http/problem-error';
import { varyBy, toNextPageLink } from '../../http/headers';
import { ListRequest, parseParameters } from '../../queue/list-request';
import { isNamedBy, toETag } from './etag';
import { readIdempotencyKey } from './idempotency-key';
import { parseQueryRequest } from './parse-query-request';
import { readWait } from './prefer-wait';
import { toDocumentText, toQueryDocument } from '../../queue/query-document';
import { QueryList } from './query-list';
import { QueryResponder } from './query-responder';
import { QueryService } from './query-service';
import { QueryStreams } from './live/query-streams';
import { toStatusPage } from './status-page/status-page';
import { toStatusPageHeaders } from './status-page/status-page-headers';
import { chooseStatusForm } from './status-form';

@Controller('api/queries')
export class QueriesController {
  constructor(
    private readonly queries: QueryService,
    private readonly list: QueryList,
    private readonly streams: QueryStreams,
    private readonly responder: QueryResponder,
    private readonly config: ApiConfig,
  ) {}

  @Post()
  @SubmitQueryOperation()
  async submit(
    @Body() body: unknown,
    @Caller() caller: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const query = parseQueryRequest(body, this.config.maxRangeDays);
    const key = readIdempotencyKey(request.raw);
    const wait = readWait(undefined, request.headers.prefer, this.config.maxWaitSeconds);
    const name = this.queries.name(caller, key);
    const begin = async () => {
      const { state, isReplayed, limits } = await this.queries.submit(name, query, caller);
      void reply.headers(limits);
      if (isReplayed) void reply.header('Idempotency-Replayed', 'true');
      if (wait.isPreference) void reply.header('Preference-Applied', `wait=${wait.seconds}`);
      return state;
    };
    if (!wait.isPreference) return this.responder.sendAlive(await begin(), request, reply);
    const waited = await this.streams.wait({ id: name.id, begin, isSubmission: true }, caller, wait.seconds, reply);
    return this.responder.sendResult(waited, request, reply);
  }

  @Get()
  @ListQueriesOperation()
  async listOwn(@Query() query: object, @Caller() caller: string, @Res() reply: FastifyReply): Promise<void> {
    const { states, nextPageToken = null } = await this.list.read(caller, parseParameters(ListRequest, query));
    const basePath = this.config.publicBasePath;
    if (nextPageToken !== null)
      void reply.header('Link', toNextPageLink(`${basePath}/api/queries`, query, nextPageToken));
    const items = states.map((state) => toQueryDocument(state, basePath));
    void reply.header('Cache-Control', 'no-store').send({ items, nextPageToken });
  }

  @Get(':id')
  @GetQueryOperation()
  async status(
    @Param('id') id: string,
    @Query('wait') wait: unknown,
    @Caller() caller: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    varyBy(reply, 'Accept');
    switch (chooseStatusForm(request)) {
      case 'json':
        return this.responder.send(200, await this.poll(id, wait, caller, request, reply), request, reply);
      case 'html':
        return this.sendPage(await this.look(id, caller, reply), reply);
      case 'text/event-stream':
        return this.events(id, caller, request, reply);
      case false:
        throw new ProblemError('NOT_ACCEPTABLE');
    }
  }

  @Get(':id/result')
  @GetQueryResultOperation()
  async result(
    @Param('id') id: string,
    @Query('wait') wait: unknown,
    @Caller() caller: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.responder.sendResult(await this.poll(id, wait, caller, request, reply), request, reply);
  }

  @Get(':id/events')
  @StreamQueryEventsOperation()
  async events(
    @Param('id') id: string,
    @Caller() caller: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const lastRevision = request.headers['last-event-id'];
    const state = await this.look(id, caller, reply);
    return this.streams.open(state, [lastRevision].flat()[0], reply);
  }

  @Delete(':id')
  @TerminateQueryOperation()
  async terminate(
    @Param('id') id: string,
    @Caller() caller: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { state, wasTerminal } = await this.queries.terminate(id, caller);
    return this.responder.send(wasTerminal ? 200 : 202, state, request, reply);
  }

  private async sendPage(state: QueryState, reply: FastifyReply): Promise<void> {
    if (!isTerminal(state.status)) void reply.header('Retry-After', await this.responder.readRetryAfter(state));
    const nonce = randomBytes(16).toString('base64');
    void reply
      .headers({ ...toStatusPageHeaders(nonce), 'Cache-Control': 'no-store' })
      .send(toStatusPage(toQueryDocument(state, this.config.publicBasePath), nonce));
  }

  /** The query as it is, or, for a client that would wait, when there is news for it or the time is over. */
  private async poll(
    id: string,
    parameter: unknown,
    caller: string,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<QueryState> {
    const wait = readWait(parameter, request.headers.prefer, this.config.maxWaitSeconds);
    if (wait.isPreference) void reply.header('Preference-Applied', `wait=${wait.seconds}`);
    const begin = () => this.look(id, caller, reply);
    if (wait.seconds === 0) return begin();
    const known = request.headers['if-none-match'];
    const isNews = (state: QueryState) => !isNamedBy(known, toETag(toDocumentText(state, this.config.publicBasePath)));
    const awaited = { id, begin, isNews: known === undefined ? undefined : isNews };
    return this.streams.wait(awaited, caller, wait.seconds, reply);
  }

  /** The query as it is, counted as a poll. */
  private async look(id: string, caller: string, reply: FastifyReply): Promise<QueryState> {
    const { state, limits } = await this.queries.poll(id, caller);
    void reply.headers(limits);
    return state;
  }
}
