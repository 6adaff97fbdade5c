import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Stage } from './stage';

/** Between two looks whether more fits: as many events as fill what a stream holds back itself. */
const CHANGES_AT_ONCE = 100;

interface Changing {
  /** @returns How many changes there were. */
  stop(): Promise<number>;
}

/** Streams of events whose readers have read nothing, up to the last byte that the system keeps for them. */
export interface FullStreams {
  /** The query goes on changing. */
  keepChanging(): Changing;
  /** Reads on. @returns What each has got, once its stream is over. */
  readToEnd(): Promise<string[]>;
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
  const change = createChange(stage, id);
  for (let held = -1, before = -2; held !== before;) {
    for (let i = 0; i < CHANGES_AT_ONCE; i += 1) await change();
    before = held;
    held = countHeldBytes(Number(port), readers);
  }
  return {
    keepChanging: () => keepDoing(change),
    readToEnd: () => Promise.all(sockets.map((socket) => text(socket))),
  };
}

/** Tells of the query what its worker would: that it has read one entity more. */
function createChange({ redis: { client } }: Stage, id: string): () => Promise<unknown> {
  let entitiesRead = 0;
  const startedAt = Date.now();
  return () => {
    const progress = JSON.stringify({ startedAt, entitiesRead: (entitiesRead += 1) });
    return client
      .multi()
      .hset(`{audit-query}:queries:${id}`, 'progress', progress)
      .publish('{audit-query}:changes', id)
      .exec();
  };
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

/** What the system holds for connections to the port that their readers have not read; -1 when that is so of too few. */
function countHeldBytes(port: number, readers: number): number {
  const local = port.toString(16).toUpperCase().padStart(4, '0');
  const queues = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address, , state]) => address?.endsWith(`:${local}`) && state === '01')
    .map(([, , , , held]) => parseInt(held ?? '', 16))
    .filter((bytes) => bytes > 0);
  return queues.length < readers ? -1 : queues.reduce((sum, bytes) => sum + bytes, 0);
}
