import { setImmediate } from 'node:timers/promises';
import type { IdentifierSet } from './identifier-set';

/** 100,000 identifiers: some 40 ms of work, then everything else of the process has its turn. */
const PIECE_BYTES = 1_600_000;

/** Adds a stored day set, however large, without keeping heartbeats and health checks waiting. */
export async function addInPieces(set: IdentifierSet, identifiers: Uint8Array): Promise<void> {
  for (let at = 0; at < identifiers.length; at += PIECE_BYTES) {
    if (at > 0) await setImmediate();
    set.addAll(identifiers.subarray(at, at + PIECE_BYTES));
  }
}
