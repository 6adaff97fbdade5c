import { createHmac, createSecretKey } from 'node:crypto';
import { createIdentifierHash } from '../../apps/worker/src/queries/identifier-hash';
import { show, summarize } from './summary';

const ROUNDS = 10;
const IDENTIFIERS = Array.from({ length: 20_000 }, (_, i) => String(100_000_000 + i * 7_919));
const KEY = Buffer.alloc(32, 7);
const NANOSECONDS = 1_000_000;

/** Hashes one identifier by a pseudo-random function with a key. */
type Contestant = (identifier: string) => Uint8Array;

/** `npm run bench:hash`: the cost of hashing one identifier, by the hash in use and by its alternative. */
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
  const secretKey = createSecretKey(KEY);
  return [
    ['keyed BLAKE3 of hash-wasm, in use', await createIdentifierHash(KEY)],
    [
      'HMAC-SHA-256 of Node, 128 bits',
      (identifier) => createHmac('sha256', secretKey).update(identifier, 'utf16le').digest().subarray(0, 16),
    ],
  ];
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
