import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { untilListening } from './until-listening';

/** How well the line carries what it lets through; what is absent is not limited. */
interface LineQuality {
  latencyMs?: number;
  /** In each direction of each connection. */
  bytesPerSecond?: number;
  /** From the target: then the connection breaks. */
  cutAfterBytes?: number;
}

type Direction = 'request' | 'reply';
type OnChunk = (chunk: Buffer, direction: Direction, deliver: () => void) => void;

/** One connection through a proxy, from a client to its target, and how well it carries. */
class ProxiedLine {
  /** What comes next would be taken for something else: such a line must not be used again. */
  hasLostBytes = false;
  /** Nothing gets through any more, nor does either side hear of the other's end. */
  isForgotten = false;
  /** It broke in the middle of a piece from the target, part of which got through. */
  isCut = false;
  private replyBytes = 0;

  constructor(
    private readonly client: Socket,
    private readonly upstream: Socket,
    private readonly quality: LineQuality,
    private readonly onClose: () => void,
  ) {}

  /** @param onChunk Decides what becomes of each piece; what it does not deliver is lost. */
  start(onChunk: OnChunk): void {
    // Both ends of the real line send what they have at once.
    for (const socket of [this.client, this.upstream]) socket.setNoDelay();
    this.join(this.client, this.upstream, 'request', onChunk);
    this.join(this.upstream, this.client, 'reply', onChunk);
  }

  /** @param abruptly With a reset in place of an orderly end. */
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
        // One after the other: a slow line keeps the order.
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
 * What happens to what goes through. `cut` closes all connections and accepts none; `refuse` listens no more either;
 * `reset` breaks those that there are, once, and lets new ones through; `forget` leaves those that there are open and
 * silent for ever, as a router that has lost its table does, and lets new ones through. `silent` swallows both directions,
 * `requests-lost` and `replies-lost` one each: a line that has lost a byte is broken by the next mode, as TCP would.
 */
type ProxyMode = 'pass' | 'cut' | 'refuse' | 'reset' | 'forget' | 'silent' | 'requests-lost' | 'replies-lost';

export interface TcpProxy {
  port: number;
  /** How many connections go through. */
  readonly connections: number;
  /** How many connections were not accepted. */
  readonly refused: number;
  /** How many connections broke in the middle of a reply, since it was more than they were to carry. */
  readonly cuts: number;
  setMode(mode: ProxyMode): void;
  /** For connections from now on, and until it is called again. */
  setQuality(quality: LineQuality): void;
  /** Holds back all that is sent to the target, from the first piece on that has this text; until the next mode. */
  holdFrom(text: string): void;
  /** Calls `action` with every piece on its way to the target that has this text, before it goes on. */
  onSent(text: string, action: () => void): void;
  stop(): Promise<void>;
}

/** Stands between two programs and takes the line away, for tests of what happens then. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  let mode: ProxyMode = 'pass';
  let quality: LineQuality = {};
  let trigger: string | undefined;
  let held: (() => void)[] | undefined;
  let refused = 0;
  let cuts = 0;
  const observers: { text: string; action: () => void }[] = [];
  const lines = new Set<ProxiedLine>();
  const server = createServer((client) => {
    if (mode === 'cut') {
      refused += 1;
      return client.destroy();
    }
    const line = new ProxiedLine(client, connect(target), quality, () => {
      // Once for each of its ends.
      if (lines.delete(line) && line.isCut) cuts += 1;
    });
    lines.add(line);
    line.start((chunk, direction, deliver) => {
      if (line.isForgotten) return undefined;
      const isRequest = direction === 'request';
      if (isRequest) for (const { text, action } of observers) if (chunk.includes(text)) action();
      if (isRequest && trigger !== undefined && chunk.includes(trigger)) held ??= [];
      if (isRequest && held !== undefined) return void held.push(deliver);
      const isLost = mode === 'silent' || mode === (isRequest ? 'requests-lost' : 'replies-lost');
      if (isLost) line.hasLostBytes = true;
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
      return lines.size;
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
      if (next === 'forget') for (const line of lines) line.isForgotten = true;
      trigger = undefined;
      for (const send of held?.splice(0) ?? []) send();
      held = undefined;
      const isBroken = ({ hasLostBytes }: ProxiedLine) =>
        next === 'cut' || next === 'refuse' || next === 'reset' || (next === 'pass' && hasLostBytes);
      for (const line of [...lines].filter(isBroken)) line.end(next === 'reset');
      if (next === 'refuse' && before !== 'refuse') server.close();
      if (before === 'refuse' && next !== 'refuse') listening = listening.then(listenAgain);
    },
    async stop() {
      isStopped = true;
      await listening;
      for (const line of lines) line.end(false);
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
