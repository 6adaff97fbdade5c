import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** How well the line carries what it lets through; what is absent is not limited. */
export interface LineQuality {
  latencyMs?: number;
  /** In each direction of each connection. */
  bytesPerSecond?: number;
  /** From the target: then the connection breaks. */
  cutAfterBytes?: number;
}

type Direction = 'request' | 'reply';
type OnChunk = (chunk: Buffer, direction: Direction, deliver: () => void) => void;

/** One connection through a proxy, from a client to its target, and how well it carries. */
export class ProxiedLine {
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
