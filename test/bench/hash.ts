import { createHmac } from 'node:crypto';
import { createBLAKE3, createSHA256 } from 'hash-wasm';
import { createIdentifierHash, HASH_WORDS } from '../../apps/worker/src/queries/identifier-hash';
import { show, summarize } from './summary';

const ROUNDS = 10;
const IDENTIFIERS = Array.from({ length: 20_000 }, (_, i) => String(100_000_000 + i * 7_919));
const KEY = Buffer.alloc(32, 7);
const NANOSECONDS = 1_000_000;

/** Hashes one identifier, by a pseudo-random function with a key of its own. */
type Contestant = (identifier: string) => void;

/** `npm run bench:hash`: what one identifier costs to hash, by what could have been chosen. */
async function main(): Promise<void> {
  const contestants = await createContestants();
  const times = new Map<string, number[]>(contestants.map(([name]) => [name, []]));
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const [name, hash] of contestants) {
      const startedAt = performance.now();
      for (const identifier of IDENTIFIERS) hash(identifier);
      const nanoseconds = ((performance.now() - startedAt) * NANOSECONDS) / IDENTIFIERS.length;
      // The first round is for the compiler.
      if (round >= 0) times.get(name)?.push(nanoseconds);
    }
  }
  console.log(`${ROUNDS} rounds of ${IDENTIFIERS.length} identifiers, median (lowest-highest) of one hash`);
  for (const [name, values] of times) console.log(`${name.padEnd(36)} ${show(summarize(values), 'ns')}`);
}

async function createContestants(): Promise<[name: string, hash: Contestant][]> {
  const sipHash = createIdentifierHash(KEY);
  const words = new Int32Array(HASH_WORDS);
  const blake3 = await createBLAKE3(128, KEY);
  const sha256 = await createSHA256();
  return [
    ['SipHash-2-4-128, ours', (identifier) => sipHash(identifier, words)],
    ['keyed BLAKE3 of hash-wasm', (identifier) => void blake3.init().update(identifier).digest('binary')],
    ['SHA-256 of hash-wasm, key before', (identifier) => void sha256.init().update(KEY).update(identifier).digest()],
    ['HMAC-SHA-256 of Node', (identifier) => void createHmac('sha256', KEY).update(identifier).digest()],
  ];
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
