import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemError } from '../http/problem-error';
import { sendProblem } from '../http/send-problem';

/** The example of the code in the listener's own document, which can be fetched. */
export const EXPLANATION = '/operator/openapi.json#/components/examples/';

/** Problem details, as on the callers' listener. */
export function sendOperatorError(problem: ProblemError, request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(problem, EXPLANATION, request, reply);
}
