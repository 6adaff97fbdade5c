import { createHash, timingSafeEqual } from 'node:crypto';
import type { Credential } from './authenticator';
import { plainToInstance } from 'class-transformer';
import { Matches, validateSync } from 'class-validator';

/** What keeps a name safe in a key of Redis, a log and a shell. */
const CALLER_RULE = 'caller must be 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first';
const DIGEST_RULE = 'sha256 must be 64 lower-case hexadecimal digits';

/** Who may call, or operate the service, with which key; the key itself is known to its holder alone. */
class ApiKey {
  @Matches(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { message: CALLER_RULE })
  caller!: string;

  /** Enough for a key of 256 random bits, which cannot be guessed; passwords would need a slow hash. */
  @Matches(/^[0-9a-f]{64}$/, { message: DIGEST_RULE })
  sha256!: string;
}

/** The list cannot be used. The message names every problem, by place and rule, never by value. */
export class ApiKeyListInvalidError extends Error {
  override readonly name = 'ApiKeyListInvalidError';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('; '));
  }
}

/**
 * Reads a list of keys: a JSON array of objects with `caller` and `sha256`. A caller can have several, to change over
 * from one to the next.
 *
 * @throws ApiKeyListInvalidError with all problems at once; also for an empty list, with which every request would be rejected.
 */
export function parseApiKeyList(text: string): ApiKey[] {
  const list = parseJson(text);
  if (!Array.isArray(list) || list.length === 0) {
    throw new ApiKeyListInvalidError(['the list must be a JSON array with one key or more']);
  }
  const keys = list.map((entry: unknown) => plainToInstance(ApiKey, entry));
  const problems = keys.flatMap((key, i) => findProblems(key).map((rule) => `entry ${i + 1}: ${rule}`));
  const digests = keys.map((key) => (key instanceof ApiKey ? key.sha256 : undefined));
  for (const [i, digest] of digests.entries()) {
    const first = digests.indexOf(digest);
    if (digest !== undefined && first < i) problems.push(`entry ${i + 1}: its key is that of entry ${first + 1}`);
  }
  if (problems.length > 0) throw new ApiKeyListInvalidError(problems);
  return keys;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // SyntaxError, whose message quotes the text.
    throw new ApiKeyListInvalidError(['the list must be JSON']);
  }
}

function findProblems(key: unknown): string[] {
  if (!(key instanceof ApiKey)) return ['must be an object with caller and sha256'];
  return validateSync(key, { whitelist: true, forbidNonWhitelisted: true }).map(({ property, constraints = {} }) =>
    constraints['whitelistValidation'] ? 'has a member beside caller and sha256' : toRule(property),
  );
}

function toRule(property: string): string {
  return property === 'caller' ? CALLER_RULE : DIGEST_RULE;
}

interface KnownKey {
  readonly caller: string;
  readonly digest: Buffer;
}

/** The accepted keys: always a list that was valid as a whole; none before the first list is read. */
export class ApiKeys {
  private keys: readonly KnownKey[] | undefined;
  private readonly listeners: (() => void)[] = [];

  /** Whether a list has been read: without one, a key can be neither accepted nor rejected. */
  get isKnown(): boolean {
    return this.keys !== undefined;
  }

  /** @throws ApiKeyListInvalidError, and the former list stays. */
  replace(list: string): void {
    this.keys = read(list);
    for (const listener of this.listeners) listener();
  }

  /** Called after each replacement of the list. */
  onReplace(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** The credential of a key; undefined for an unknown key. Compares with every key, so the time tells nothing. */
  find(key: string): Credential | undefined {
    const digest = createHash('sha256').update(key).digest();
    const caller = this.findCaller(digest);
    return caller === undefined ? undefined : { caller, isStillValid: () => this.findCaller(digest) === caller };
  }

  private findCaller(digest: Buffer): string | undefined {
    let caller: string | undefined;
    for (const known of this.keys ?? []) {
      if (timingSafeEqual(known.digest, digest)) caller = known.caller;
    }
    return caller;
  }
}

function read(list: string): KnownKey[] {
  return parseApiKeyList(list).map(({ caller, sha256 }) => ({ caller, digest: Buffer.from(sha256, 'hex') }));
}
