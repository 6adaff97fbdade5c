import { createHash, timingSafeEqual } from 'node:crypto';
import { parseApiKeyList } from './api-key-list';
import type { Credential } from './authenticator';

interface KnownKey {
  readonly caller: string;
  readonly digest: Buffer;
}

/** The keys that are let in: always a list that was valid as a whole; none before the first one is there. */
export class ApiKeys {
  private keys: readonly KnownKey[] | undefined;
  private readonly listeners: (() => void)[] = [];

  /** Whether there has been a list: without one nobody can be told who they are, or that they are nobody. */
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

  /**
   * Whose key it is; undefined when it is nobody's. Takes the same time whoever's it is: it is compared with all.
   */
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
