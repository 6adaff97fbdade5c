import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What happens to what goes through. `cut` closes all connections and accepts none; `silent` answers nothing. */
type ProxyMode = 'pass' | 'cut' | 'silent';

export interface TcpProxy {
  port: number;
  /** How many connections go through. */
  readonly connections: number;
  /** How many connections were not accepted. */
  readonly refused: number;
  setMode(mode: ProxyMode): void;
  /** Holds back all that is sent to the target, from the first piece on that has this text; until the next mode. */
  holdFrom(text: string): void;
  stop(): Promise<void>;
}

/** Stands between two programs and takes the line away, for tests of what happens then. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  let mode: ProxyMode = 'pass';
  let trigger: string | undefined;
  let held: (() => void)[] | undefined;
  let refused = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (mode === 'cut') {
      refused += 1;
      return client.destroy();
    }
    const upstream = connect(target);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => {
        if (trigger !== undefined && to === upstream && chunk.includes(trigger)) held ??= [];
        if (held !== undefined && to === upstream) held.push(() => to.write(chunk));
        else if (mode === 'pass') to.write(chunk);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return sockets.size / 2;
    },
    get refused() {
      return refused;
    },
    holdFrom(text) {
      trigger = text;
    },
    setMode(next) {
      mode = next;
      trigger = undefined;
      for (const send of held?.splice(0) ?? []) send();
      held = undefined;
      if (next === 'cut') for (const socket of sockets) socket.destroy();
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
