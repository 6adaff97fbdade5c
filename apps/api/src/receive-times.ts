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
