import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiConfig } from '#shared/config/api-config';
import { isQueryId } from '#shared/contract/query-id';
import { RecordUnreadableError } from '#shared/redis/unreadable-record';
import { type ProblemError, toProblemError } from '../http/problem-error';
import { OnceAMinute } from '../http/once-a-minute';
import { isClientGone } from '../http/client-gone';
import { sendError } from './send-error';

/** Turns everything that is thrown into an answer. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(ErrorFilter.name);
  private readonly withoutCaller = new OnceAMinute();

  constructor(private readonly config: ApiConfig) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    // The client has closed the connection.
    if (isClientGone(thrown, request)) return;
    const problem = toProblemError(thrown);
    // Logged once, where it was read: a caller that polls reads it again and again.
    const isLogged = thrown instanceof RecordUnreadableError;
    // A forged token, or a probe: anyone can send as many as they like. The detail is one of few, and never the request's.
    const isDue = () => request.caller !== '' || this.withoutCaller.isDue(`${problem.code} ${problem.detail}`);
    if (problem.status >= 500 && !isLogged && isDue()) this.log(problem, request);
    sendError(problem, request, host.switchToHttp().getResponse(), this.config.publicBasePath);
  }

  /** Only what is this service's fault, or its surroundings', is worth a line; only the former a stack. */
  private log(
    { code, status, cause, detail }: ProblemError,
    { method, routeOptions, params, caller }: FastifyRequest,
  ): void {
    const { id } = (params ?? {}) as { id?: string };
    // The route's pattern and an id that is one: never what a caller wrote.
    const queryId = id && isQueryId(id) ? id : undefined;
    const about = { code, method, route: routeOptions.url, queryId, caller: caller || undefined };
    if (status === 503)
      this.logger.warn(
        { ...about, reason: cause instanceof Error ? String(cause) : detail },
        'a request was not answered for now',
      );
    else this.logger.error({ ...about, err: cause }, 'a request failed');
  }
}
