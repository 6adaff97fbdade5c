import { createHmac } from 'node:crypto';
import { Agent, request } from 'undici';
import { type CalendarDay, toKeyRange } from '#shared/contract/calendar-day';
import type { Scan, Task } from './contestant';

/** The least that a client can do for a page: undici's `request`, a signature, `JSON.parse`. It checks and keeps nothing. */
export function prepareBareScan({ connectionString, tableName, start, end }: Task): Scan {
  const connection = new Map(
    connectionString.split(';').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]),
  );
  const [account = '', key = ''] = [connection.get('AccountName'), connection.get('AccountKey')];
  const url = new URL(`${connection.get('TableEndpoint')}/${tableName}()`);
  const secret = Buffer.from(key, 'base64');
  const dispatcher = new Agent();
  const { to } = toKeyRange(end as CalendarDay);
  const query = {
    $filter: `PartitionKey ge '${start}' and PartitionKey lt '${to}' and CertNumber ne ''`,
    $select: 'identificationNumber',
    $top: '1000',
  };

  return {
    async run() {
      let entitiesRead = 0;
      let token: Record<string, string> = {};
      do {
        const date = new Date().toUTCString();
        const signature = createHmac('sha256', secret).update(`${date}\n/${account}${url.pathname}`).digest('base64');
        const search = Object.entries({ ...query, ...token }).map(
          ([name, text]) => `${name}=${encodeURIComponent(text)}`,
        );
        const { statusCode, headers, body } = await request(`${url.href}?${search.join('&')}`, {
          dispatcher,
          headers: {
            accept: 'application/json;odata=nometadata',
            'x-ms-version': '2019-02-02',
            'x-ms-date': date,
            authorization: `SharedKeyLite ${account}:${signature}`,
          },
        });
        const text = await body.text();
        if (statusCode !== 200) throw new Error(`the table answered ${statusCode}: ${text}`);
        entitiesRead += (JSON.parse(text) as { value: unknown[] }).value.length;
        token = {};
        for (const name of ['NextPartitionKey', 'NextRowKey']) {
          const value = headers[`x-ms-continuation-${name.toLowerCase()}`];
          if (typeof value === 'string') token[name] = value;
        }
      } while (Object.keys(token).length > 0);
      return { count: 0, entitiesRead };
    },
    close: () => void dispatcher.destroy(),
  };
}
