import { toSubmission } from '../support/conversation';

/** What the tests look at of a query. */
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

/** The service in its containers, as callers and operators reach it at the published ports. */
export interface ServiceClient {
  /** Submits a range of days and gives the query's id. */
  submit(range: { start: string; end: string }): Promise<string>;
  /** As an operator, who may ask as often as a test does. */
  readQuery(id: string): Promise<QueryDocument>;
  /** What has happened to a query, as operators are told. */
  readHistory(id: string): Promise<readonly HistoryEvent[]>;
  /** The host of each worker, which is its container, by the worker's id; those that have gone as well. */
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
