import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerControl, CONTROL_PATH } from './control-routes';
import { toGeneratedTable } from './generated-table';
import { PageCache, TableService } from './table-service';
import { countByQuery } from './request-log';
import { DEVELOPMENT_ACCOUNT, DEVELOPMENT_KEY } from './shared-key';
import { toSortedTable } from './sorted-table';
import type { TableDouble } from './table-double';
import type { TableDoubleOptions } from './table-double-options';
import { countTruth } from './table-truth';

/**
 * Starts a server at a free port of 127.0.0.1.
 *
 * @param nowMs The clock of the rate limits, monotonic with any origin; a test can pass its own instead of waiting.
 */
export async function startTableDouble(
  options: TableDoubleOptions,
  nowMs: () => number = () => performance.now(),
): Promise<TableDouble> {
  const { tables, missingProperty = 'null', pageCacheBytes = 0, ...settings } = options;
  const sorted = Object.entries(tables).map(
    ([name, table]) =>
      [name, table.kind === 'generated' ? toGeneratedTable(table.rows) : toSortedTable(table.rows)] as const,
  );
  const service = new TableService(new Map(sorted), missingProperty, new PageCache(pageCacheBytes), nowMs);
  service.configure(settings);

  // Like the service: Node's 5 s would close connections of a client that pauses.
  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    if (request.url?.startsWith(CONTROL_PATH)) void answerControl(double, request, response);
    else void service.serve(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  const double: TableDouble = {
    port,
    connectionString: toConnectionString(port, DEVELOPMENT_KEY),
    requests: service.requests,
    countByQuery: () => countByQuery(service.requests),
    configure: (change) => service.configure(change),
    reset: () => void service.requests.splice(0),
    truth: (name, start, end) => {
      const table = service.tables.get(name);
      if (!table) throw new Error(`the double has no table ${name}`);
      return countTruth(table, start, end);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return double;
}

/** A connection string for the double on `port` that signs with `accountKey` (base64). */
export function toConnectionString(port: number, accountKey: string): string {
  const endpoint = `http://127.0.0.1:${port}/${DEVELOPMENT_ACCOUNT}`;
  return `DefaultEndpointsProtocol=http;AccountName=${DEVELOPMENT_ACCOUNT};AccountKey=${accountKey};TableEndpoint=${endpoint};`;
}
