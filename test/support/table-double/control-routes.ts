import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import type { TableDouble } from './table-double';
import type { TableDoubleSettings } from './table-double-options';

/** Prefix of the routes for the test itself: the double neither records these requests nor applies faults to them. */
export const CONTROL_PATH = '/__control/';

/** `GET requests`, `GET counts`, `GET truth?table&start&end`, `PUT settings`, `POST reset`; JSON both ways. */
export async function answerControl(
  double: TableDouble,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '', 'http://127.0.0.1');
  const parameter = (name: string): string => url.searchParams.get(name) ?? '';
  const send = (status: number, value: unknown): void => {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
  };
  switch (`${request.method} ${url.pathname.slice(CONTROL_PATH.length)}`) {
    case 'GET requests':
      return send(200, double.requests);
    case 'GET counts':
      return send(200, double.countByQuery());
    case 'GET truth':
      return send(200, double.truth(parameter('table'), parameter('start'), parameter('end')));
    case 'PUT settings':
      double.configure((await json(request)) as Partial<TableDoubleSettings>);
      return send(200, {});
    case 'POST reset':
      double.reset();
      return send(200, {});
    default:
      return send(404, { error: `no such control route: ${request.method} ${url.pathname}` });
  }
}
