import { waitUntil } from '../../support/wait-until';
import type { ServiceProcess } from '../../support/service-processes';

/** Beyond any test's grace period: who waits so long is answered early. */
const WAIT_SECONDS = 50;

/** Of streams and of polls. */
const WAITING = /^audit_query_waiting_clients\{.*$/gm;

/** A long poll and a stream of events of one query at one API, both of which wait by now. */
export interface WaitingClients {
  /** What the poll is answered, and all that it was sent; rejects where its connection breaks before. */
  poll: Promise<{ status: number; connection: string | null; body: string }>;
  /** All events, once the stream ends in order; rejects where it breaks. */
  events: Promise<string>;
}

/** Begins to wait for a query that lives. */
export async function startWaiting(
  { url, operatorUrl }: ServiceProcess,
  id: string,
  key: string,
): Promise<WaitingClients> {
  const headers = { 'x-api-key': key };
  const ask = (path: string) => fetch(`${url}/api/queries/${id}${path}`, { headers });
  const poll = ask(`?wait=${WAIT_SECONDS}`).then(async (reply) => {
    const { status } = reply;
    return { status, connection: reply.headers.get('connection'), body: await reply.text() };
  });
  const events = ask('/events').then((reply) => reply.text());
  // Else one that fails before it is awaited would end the test's own process.
  for (const one of [poll, events]) one.catch(() => {});
  await waitUntil(
    'both to wait',
    async () => (await (await fetch(`${operatorUrl}/metrics`)).text()).match(WAITING),
    (counts) => counts?.every((count) => count.endsWith(' 1')) ?? false,
  );
  return { poll, events };
}
