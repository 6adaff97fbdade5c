import { toSubmission } from '../support/conversation';

/** The members of a query that the tests read. */
interface QueryDocument {
  id: string;
  status: string;
  progress: { daysDone: number };
  result: { count: number } | null;
}

interface HistoryEvent {
  kind: string;
  worker?: string;
  end?: string;
}

/** A client of callers and operators, at the published ports. */
export interface ServiceClient {
  /** Submits a range of days. @returns The id of the query. */
  submit(range: { start: string; end: string }): Promise<string>;
  /** Reads a query as an operator, without a rate limit. */
  readQuery(id: string): Promise<QueryDocument>;
  /** The history of a query, as operators see it. */
  readHistory(id: string): Promise<readonly HistoryEvent[]>;
  /** The host name of each worker, which is that of its container, by the worker's id; also of ended workers. */
  readHosts(): Promise<ReadonlyMap<string, string>>;
}

export function createServiceClient(url: string, operatorUrl: string, authorization: string): ServiceClient {
  const read = async <T>(address: string, init?: RequestInit): Promise<T> => {
    const answer = await fetch(address, init);
    if (!answer.ok) throw new Error(`${address} answers ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const operate = <T>(path: string) => read<T>(`${operatorUrl}/operator/${path}`, { headers: { authorization } });
  return {
    submit: async (range) => (await read<QueryDocument>(`${url}/api/queries`, toSubmission(range))).id,
    readQuery: (id) => operate<QueryDocument>(`queries/${id}`),
    async readHistory(id) {
      type Document = { history: { events: readonly HistoryEvent[] } };
      return (await operate<Document>(`queries/${id}?showHistory=true`)).history.events;
    },
    async readHosts() {
      const { items } = await operate<{ items: readonly { id: string; host: string }[] }>('workers');
      return new Map(items.map(({ id, host }) => [id, host]));
    },
  };
}
