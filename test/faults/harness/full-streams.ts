import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Stage } from './stage';

/** Between two looks whether more fits. Those that follow each other closely are told as one. */
const CHANGES_AT_ONCE = 100;

/** So many looks in a row find nothing more: the API may be late with what it tells. */
const LOOKS = 20;

interface Changing {
  /** @returns How many changes there were. */
  stop(): Promise<number>;
}

/** Streams of events whose readers have read nothing, up to the last byte that the system keeps for them. */
export interface FullStreams {
  /** The query goes on changing. */
  keepChanging(): Changing;
  /** Reads on to the end of each. @returns How many of its events came after it was full; NaN without an end. */
  readToEnd(): Promise<number[]>;
}

/** Opens streams of the query's events at the first API, and has the query change until nothing more fits into any. */
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
  for (let unchanged = 0; unchanged < LOOKS;) {
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

/** A query of which is told what its worker would: that it has read one entity more. */
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

/** What the system holds for connections to the port that their readers have not read; undefined when that is so of too few. */
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
