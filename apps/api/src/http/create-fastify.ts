import type { Socket } from 'node:net';
import createServer, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import { type AnswerForm, answerUnreadable } from './answer-unreadable';
import { ProblemError } from './problem-error';

/** How patient a listener is with a request that is slow to arrive, in milliseconds and as Fastify takes it. */
export interface ReceiveTimes {
  /** Of the whole request; how long its answer takes is not counted. 0 would be for ever, which is Fastify's default. */
  requestTimeout: number;
  /** Its headers: at most as long, or Node takes the one for the other; and how often Node looks for who is too slow. */
  http: { headersTimeout: number; connectionsCheckingInterval: number };
}

/** Longer than any body within the limit takes; of the headers and of looking, Node's own defaults. */
export const RECEIVE_TIMES: ReceiveTimes = {
  requestTimeout: 60_000,
  http: { headersTimeout: 60_000, connectionsCheckingInterval: 30_000 },
};

interface ListenerForm extends AnswerForm {
  sendError(problem: ProblemError, request: FastifyRequest, reply: FastifyReply): void;
}

/**
 * The server of a listener. It sends the form's headers with every answer, and problem documents for what reaches no route.
 * Nest gets it with its hook in place: Nest's own hook for CORS would answer a preflight before it.
 */
export function createFastify(
  options: FastifyServerOptions,
  { requestTimeout, http }: ReceiveTimes,
  form: ListenerForm,
): FastifyInstance {
  const fastify = createServer({
    ...options,
    requestTimeout,
    // Node would answer a request without Host itself, with nothing but a status.
    http: { ...http, requireHostHeader: false },
    // Its 503 has none of the shape of ours, and what still comes can be answered.
    return503OnClosing: false,
    // What the router itself refuses, such as a path with a bad percent-encoding; it passes no hook.
    frameworkErrors: (_error, request, reply) => {
      const problem = findHostProblem(request) ?? new ProblemError('ROUTE_NOT_FOUND');
      form.sendError(problem, request, reply.headers(form.headers));
    },
    clientErrorHandler: (error, socket: Socket) => answerUnreadable(error, socket, form),
  });
  // Node would answer 417 with no headers to an expectation that it does not know; RFC 9110 (10.1.1) lets a server ignore it.
  fastify.server.on('checkExpectation', (request, response) => fastify.server.emit('request', request, response));
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.headers(form.headers);
    const problem = findHostProblem(request);
    if (problem === undefined) done();
    // Sent from here: the dashboard has an error handler of its own.
    else form.sendError(problem, request, reply);
  });
  return fastify;
}

/** HTTP/1.1 wants exactly one Host (RFC 9112, 3.2). Of two, Node takes the first, and a proxy in front may take the other. */
function findHostProblem({ raw }: FastifyRequest): ProblemError | undefined {
  const count = raw.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  if (count === 1 || (count === 0 && raw.httpVersion === '1.0')) return undefined;
  return new ProblemError('REQUEST_UNREADABLE', { detail: `The request has ${count} Host headers. Send exactly one.` });
}
