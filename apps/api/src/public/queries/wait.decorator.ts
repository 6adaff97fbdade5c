import { createParamDecorator, Injectable, type PipeTransform } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiConfig } from '#shared/config/api-config';
import { ProblemError } from '../../http/problem-error';
import { chooseStatusForm } from './status-form';

/** How long the client asks to hold its answer back. */
export interface Wait {
  seconds: number;
  /** Asked for by `Prefer`, which the answer confirms. */
  isPreference: boolean;
}

interface WaitSources {
  parameter: unknown;
  prefer: string | string[] | undefined;
}

const NONE: Wait = { seconds: 0, isPreference: false };

@Injectable()
export class WaitPipe implements PipeTransform<WaitSources, Wait> {
  constructor(private readonly config: ApiConfig) {}

  /**
   * Parses `?wait=N` or else `Prefer: wait=N` (RFC 7240), in whole seconds, at most `MAX_WAIT_SECONDS`. A malformed
   * preference is ignored, as the RFC requires.
   *
   * @throws ProblemError REQUEST_INVALID for a parameter that is not a whole number, or is repeated.
   */
  transform({ parameter, prefer }: WaitSources): Wait {
    const { maxWaitSeconds } = this.config;
    if (parameter !== undefined) {
      if (typeof parameter !== 'string' || !/^\d{1,9}$/.test(parameter)) {
        throw new ProblemError('REQUEST_INVALID', { detail: 'wait must be a whole number of seconds, given once.' });
      }
      return { seconds: Math.min(Number(parameter), maxWaitSeconds), isPreference: false };
    }
    if (prefer === undefined) return NONE;
    const preference = /(?:^|[,\s])wait\s*=\s*"?(\d{1,9})"?\s*(?=[,;]|$)/i.exec([prefer].flat().join(','));
    if (preference === null) return NONE;
    return { seconds: Math.min(Number(preference[1]), maxWaitSeconds), isPreference: true };
  }
}

const FromRequest = createParamDecorator(
  (readsParameter: (request: FastifyRequest) => boolean, context): WaitSources => {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { wait } = request.query as { wait?: unknown };
    return { parameter: readsParameter(request) ? wait : undefined, prefer: request.headers.prefer };
  },
);

/** `?wait=` or `Prefer: wait=` of a poll. */
export const Wait = (): ParameterDecorator => FromRequest(() => true, WaitPipe);

/** The same of the status, whose pages and event streams have no such parameter. */
export const StatusWait = (): ParameterDecorator =>
  FromRequest((request: FastifyRequest) => chooseStatusForm(request) === 'json', WaitPipe);

/** `Prefer: wait=` of a submission, which has no such parameter. */
export const SubmissionWait = (): ParameterDecorator => FromRequest(() => false, WaitPipe);
