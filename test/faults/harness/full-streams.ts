import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Stage } from './stage';

/** Between two measurements. The API merges changes that follow each other closely into one event. */
const CHANGES_AT_ONCE = 100;

/** So many equal measurements in a row mean that the streams are full: the API may send events late. */
const EQUAL_MEASUREMENTS = 20;

interface Changing {
  /** @returns The number of changes. */
  stop(): Promise<number>;
}

/** Event streams whose readers read nothing and whose socket buffers are full. */
export interface FullStreams {
  /** Continues to change the query. */
  keepChanging(): Changing;
  /** Reads each stream to its end. @returns The number of events sent after it was full; NaN without an `end` event. */
  readToEnd(): Promise<number[]>;
}

/** Opens event streams of the query at the first API, and changes the query until all socket buffers are full. */
export async function openFullStreams(
  stage: Stage,
  id: string,
  { readers, key }: { readers: number; key: string },
): Promise<FullStreams> {
  const { hostname, port } = new URL(stage.apis[0]!.url);
  const head = `GET /api/queries/${id}/events HTTP/1.1\r\nhost: ${hostname}\r\nx-api-key: ${key}\r\nconnection: close\r\n\r\n`;
  const open = async (): Promise<Socket> => {
    const socket = connect(Number(port), hostname);
    socket.pause();
    await once(socket, 'connect');
    socket.write(head);
    return socket;
  };
  const sockets = await Promise.all(Array.from({ length: readers }, open));
  const query = new ChangingQuery(stage, id);
  const change = () => query.change();
  let before: number | undefined;
  for (let unchanged = 0; unchanged < EQUAL_MEASUREMENTS;) {
    for (let i = 0; i < CHANGES_AT_ONCE; i += 1) await change();
    const held = countHeldBytes(Number(port), readers);
    unchanged = held !== undefined && held === before ? unchanged + 1 : 0;
    before = held;
  }
  const known = query.entitiesRead;
  const countLater = (events: string) => {
    if (!events.includes('event: end')) return NaN;
    return [...events.matchAll(/"entitiesRead":(\d+)/g)].filter(([, count]) => Number(count) > known).length;
  };
  return {
    keepChanging: () => keepDoing(change),
    readToEnd: async () => (await Promise.all(sockets.map((socket) => text(socket)))).map(countLater),
  };
}

/** Publishes progress of a query as its worker would, one entity more each time. */
class ChangingQuery {
  entitiesRead = 0;
  private readonly startedAt = Date.now();

  constructor(
    private readonly stage: Stage,
    private readonly id: string,
  ) {}

  async change(): Promise<void> {
    this.entitiesRead += 1;
    const { startedAt, entitiesRead } = this;
    await this.stage.redis.client
      .multi()
      .hset(`{audit-query}:queries:${this.id}`, 'progress', JSON.stringify({ startedAt, entitiesRead }))
      .publish('{audit-query}:changes', this.id)
      .exec();
  }
}

function keepDoing(act: () => Promise<unknown>): Changing {
  let count = 0;
  let isStopped = false;
  const doing = (async () => {
    for (; !isStopped; count += 1) await act();
  })();
  return {
    async stop() {
      isStopped = true;
      await doing;
      return count;
    },
  };
}

/** Unread bytes in the socket buffers of connections to the port; undefined if fewer than `readers` have any. */
function countHeldBytes(port: number, readers: number): number | undefined {
  const local = port.toString(16).toUpperCase().padStart(4, '0');
  const queues = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address, , state]) => address?.endsWith(`:${local}`) && state === '01')
    .map(([, , , , held]) => parseInt(held ?? '', 16))
    .filter((bytes) => bytes > 0);
  return queues.length < readers ? undefined : queues.reduce((sum, bytes) => sum + bytes, 0);
}
