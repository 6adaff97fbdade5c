import { Body, Controller, Delete, Get, Param, Post, Query, Req, Res, UseInterceptors } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { QueryState } from '#shared/contract/query-document';
import { QueryRequest } from '#shared/contract/query-request';
import { Caller } from '../../auth/caller';
import { ParametersPipe } from '../../http/parameters.pipe';
import { ProblemError } from '../../http/problem-error';
import { VaryByAcceptInterceptor } from '../../http/vary-by-accept.interceptor';
import {
  GetQueryOperation,
  GetQueryResultOperation,
  ListQueriesOperation,
  StreamQueryEventsOperation,
  SubmitQueryOperation,
  TerminateQueryOperation,
} from '../../openapi/query-operations';
import { ListRequest } from '../../queue/list-request';
import { QueryList } from '../../queue/query-list';
import { IdempotencyKey } from './idempotency-key.decorator';
import { EventStreams } from './live/event-streams';
import { LongPolls } from './live/long-polls';
import { OwnQueries } from './own-queries';
import { QueryRequestPipe } from './query-request.pipe';
import { QueryResponder } from './query-responder';
import { createSubmissionId, QuerySubmissions } from './query-submissions';
import { chooseStatusForm } from './status-form';
import { StatusWait, SubmissionWait, Wait } from './wait.decorator';

@Controller('api/queries')
export class QueriesController {
  constructor(
    private readonly submissions: QuerySubmissions,
    private readonly queries: OwnQueries,
    private readonly list: QueryList,
    private readonly longPolls: LongPolls,
    private readonly streams: EventStreams,
    private readonly responder: QueryResponder,
  ) {}

  // Nest reports the error of the last parameter first: a wrong body comes before a wrong key.
  @Post()
  @SubmitQueryOperation()
  async submit(
    @IdempotencyKey() key: string | undefined,
    @Body(QueryRequestPipe) query: QueryRequest,
    @SubmissionWait() wait: Wait,
    @Caller() caller: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const submission = createSubmissionId(caller, key);
    const begin = async () => {
      const { state, isReplayed, limits } = await this.submissions.submit(submission, query, caller);
      void reply.headers(limits);
      if (isReplayed) void reply.header('Idempotency-Replayed', 'true');
      confirmPreference(wait, reply);
      return state;
    };
    if (!wait.isPreference) return this.responder.sendAlive(await begin(), request, reply);
    const poll = { id: submission.id, begin, isSubmission: true };
    const state = await this.longPolls.wait(poll, caller, wait.seconds, reply);
    return this.responder.sendResult(state, request, reply);
  }

  @Get()
  @ListQueriesOperation()
  async listOwn(
    @Query(ParametersPipe) list: ListRequest,
    @Query() query: object,
    @Caller() caller: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    this.responder.sendPage(await this.list.takePage(caller, list), query, reply);
  }

  @Get(':id')
  @GetQueryOperation()
  @UseInterceptors(VaryByAcceptInterceptor)
  async status(
    @Param('id') id: string,
    @StatusWait() wait: Wait,
    @Caller() caller: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    switch (chooseStatusForm(request)) {
      case 'json':
        return this.responder.send(200, await this.poll(id, wait, caller, request, reply), request, reply);
      case 'html':
        return this.responder.sendStatusPage(await this.readCounted(id, caller, reply), reply);
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
    @Wait() wait: Wait,
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
    const state = await this.readCounted(id, caller, reply);
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

  /** Reads a query; with a wait, resolves when it differs from the client's version, or after the timeout. */
  private async poll(
    id: string,
    wait: Wait,
    caller: string,
    { headers }: FastifyRequest,
    reply: FastifyReply,
  ): Promise<QueryState> {
    confirmPreference(wait, reply);
    const begin = () => this.readCounted(id, caller, reply);
    if (wait.seconds === 0) return begin();
    const known = headers['if-none-match'];
    const isNews = (state: QueryState) => !this.responder.isKnown(state, known);
    const poll = { id, begin, isNews: known === undefined ? undefined : isNews };
    return this.longPolls.wait(poll, caller, wait.seconds, reply);
  }

  /** Reads a query and counts the request against the caller's limit. */
  private async readCounted(id: string, caller: string, reply: FastifyReply): Promise<QueryState> {
    const { state, limits } = await this.queries.poll(id, caller);
    void reply.headers(limits);
    return state;
  }
}

function confirmPreference({ isPreference, seconds }: Wait, reply: FastifyReply): void {
  if (isPreference) void reply.header('Preference-Applied', `wait=${seconds}`);
}
