import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { untilListening } from './until-listening';

/** Limits of a proxied connection; an absent member is no limit. */
interface ConnectionQuality {
  latencyMs?: number;
  /** In each direction of each connection. */
  bytesPerSecond?: number;
  /** The connection breaks after so many bytes from the target. */
  cutAfterBytes?: number;
}

type Direction = 'request' | 'reply';
type OnChunk = (chunk: Buffer, direction: Direction, deliver: () => void) => void;

/** One connection through the proxy, from a client to the target. */
class ProxiedConnection {
  /** Bytes were dropped, so that the rest of the stream would be misread: the connection must not be used again. */
  hasLostBytes = false;
  /** The proxy forwards neither bytes nor the end of either side. */
  isForgotten = false;
  /** The connection broke in the middle of a chunk from the target. */
  isCut = false;
  private replyBytes = 0;

  constructor(
    private readonly client: Socket,
    private readonly upstream: Socket,
    private readonly quality: ConnectionQuality,
    private readonly onClose: () => void,
  ) {}

  /** @param onChunk Called with each chunk; a chunk that it does not deliver is lost. */
  start(onChunk: OnChunk): void {
    // Without the proxy both ends send at once.
    for (const socket of [this.client, this.upstream]) socket.setNoDelay();
    this.join(this.client, this.upstream, 'request', onChunk);
    this.join(this.upstream, this.client, 'reply', onChunk);
  }

  /** @param abruptly Reset the connection instead of closing it. */
  end(abruptly: boolean): void {
    for (const socket of [this.client, this.upstream]) {
      if (abruptly) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  private join(from: Socket, to: Socket, direction: Direction, onChunk: OnChunk): void {
    let sending = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      const delayMs = this.toDelayMs(chunk);
      onChunk(chunk, direction, () => {
        if (delayMs === 0) this.send(to, chunk, direction);
        // A chain of promises keeps the order.
        else sending = sending.then(() => delay(delayMs)).then(() => this.send(to, chunk, direction));
      });
    });
    from.on('error', () => {
      if (!this.isForgotten) to.destroy();
    });
    from.on('close', () => {
      if (this.isForgotten && !to.destroyed) return;
      to.destroy();
      this.onClose();
    });
  }

  private send(to: Socket, chunk: Buffer, direction: Direction): void {
    const { cutAfterBytes = Infinity } = this.quality;
    const left = direction === 'reply' ? cutAfterBytes - this.replyBytes : Infinity;
    if (direction === 'reply') this.replyBytes += chunk.length;
    if (!to.destroyed) to.write(chunk.subarray(0, Math.max(0, Math.min(left, chunk.length))));
    if (chunk.length <= left) return;
    if (left > 0) this.isCut = true;
    this.end(false);
  }

  private toDelayMs(chunk: Buffer): number {
    const { latencyMs = 0, bytesPerSecond = Infinity } = this.quality;
    return latencyMs + (chunk.length / bytesPerSecond) * 1_000;
  }
}

/**
 * `cut` closes all connections and accepts none; `refuse` also stops listening. `reset` resets the open connections once
 * and forwards new ones. `forget` leaves the open connections silent for ever, like a router that has lost its table, and
 * forwards new ones. `silent` drops both directions, `requests-lost` and `replies-lost` one of them; the next mode closes
 * a connection that has lost bytes, since TCP loses none.
 */
type ProxyMode = 'pass' | 'cut' | 'refuse' | 'reset' | 'forget' | 'silent' | 'requests-lost' | 'replies-lost';

export interface TcpProxy {
  port: number;
  /** The number of open connections. */
  readonly connections: number;
  /** The number of connections that were not accepted. */
  readonly refused: number;
  /** The number of connections that `cutAfterBytes` broke in the middle of a reply. */
  readonly cuts: number;
  setMode(mode: ProxyMode): void;
  /** Applies to new connections, until the next call. */
  setQuality(quality: ConnectionQuality): void;
  /** Holds back all chunks to the target, from the first one with this text on, until the next mode. */
  holdFrom(text: string): void;
  /** Calls `action` for every chunk to the target with this text, before forwarding it. */
  onSent(text: string, action: () => void): void;
  stop(): Promise<void>;
}

/** A TCP proxy that breaks the connections between two programs. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  let mode: ProxyMode = 'pass';
  let quality: ConnectionQuality = {};
  let trigger: string | undefined;
  let held: (() => void)[] | undefined;
  let refused = 0;
  let cuts = 0;
  const observers: { text: string; action: () => void }[] = [];
  const proxied = new Set<ProxiedConnection>();
  const server = createServer((client) => {
    if (mode === 'cut') {
      refused += 1;
      return client.destroy();
    }
    const connection = new ProxiedConnection(client, connect(target), quality, () => {
      // Called once for each side.
      if (proxied.delete(connection) && connection.isCut) cuts += 1;
    });
    proxied.add(connection);
    connection.start((chunk, direction, deliver) => {
      if (connection.isForgotten) return undefined;
      const isRequest = direction === 'request';
      if (isRequest) for (const { text, action } of observers) if (chunk.includes(text)) action();
      if (isRequest && trigger !== undefined && chunk.includes(trigger)) held ??= [];
      if (isRequest && held !== undefined) return void held.push(deliver);
      const isLost = mode === 'silent' || mode === (isRequest ? 'requests-lost' : 'replies-lost');
      if (isLost) connection.hasLostBytes = true;
      else deliver();
    });
    return undefined;
  });
  let isStopped = false;
  const isOpen = () => mode !== 'refuse' && !isStopped;
  await untilListening(server, 0);
  const { port } = server.address() as AddressInfo;
  let listening = Promise.resolve();
  const listenAgain = async () => {
    if (!server.listening) await untilListening(server, port, isOpen);
    if (!isOpen()) server.close();
  };
  return {
    port,
    get connections() {
      return proxied.size;
    },
    get refused() {
      return refused;
    },
    get cuts() {
      return cuts;
    },
    holdFrom: (text) => (trigger = text),
    onSent: (text, action) => observers.push({ text, action }),
    setQuality: (next) => (quality = next),
    setMode(next) {
      const before = mode;
      mode = next === 'reset' || next === 'forget' ? 'pass' : next;
      if (next === 'forget') for (const connection of proxied) connection.isForgotten = true;
      trigger = undefined;
      for (const send of held?.splice(0) ?? []) send();
      held = undefined;
      const isBroken = ({ hasLostBytes }: ProxiedConnection) =>
        next === 'cut' || next === 'refuse' || next === 'reset' || (next === 'pass' && hasLostBytes);
      for (const connection of [...proxied].filter(isBroken)) connection.end(next === 'reset');
      if (next === 'refuse' && before !== 'refuse') server.close();
      if (before === 'refuse' && next !== 'refuse') listening = listening.then(listenAgain);
    },
    async stop() {
      isStopped = true;
      await listening;
      for (const connection of proxied) connection.end(false);
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
