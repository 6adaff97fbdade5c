import type { FlattenedJWSInput, JSONWebKeySet, JWTHeaderParameters, JWTVerifyGetKey } from 'jose' with {
  'resolution-mode': 'import',
};

/** Gives the key that a token names. */
type KeySet = JWTVerifyGetKey;

/** How long keys are taken for the tenant's without asking it again; it announces new ones days before it uses them. */
const REFRESH_AFTER_MS = 3_600_000;

/** However many tokens name a key that is not known, the tenant is asked for it once in this time. */
const SEEK_EVERY_MS = 30_000;

/** The time after a failed request to the tenant in which no other request is sent. */
const RETRY_AFTER_MS = 5_000;

/** The tenant's keys could not be read, so tokens cannot be checked. */
export class TenantKeysUnavailableError extends Error {
  override readonly name = 'TenantKeysUnavailableError';
  readonly code = 'TENANT_KEYS_UNAVAILABLE';
  readonly retryAfterSeconds = RETRY_AFTER_MS / 1_000;
}

/**
 * The keys that a tenant signs with, by their ids.
 *
 * *Empty*: the first token requests the keys. *Known*: from then on. Keys older than an hour are requested again in the
 * background, and stay valid while the tenant cannot be reached. An unknown id causes a request at most every half minute.
 * Requests that wait for the tenant share one request to it.
 */
export class TenantKeys {
  private known: KeySet | undefined;
  private knownAt = -Infinity;
  private soughtAt = -Infinity;
  private failedAt = -Infinity;
  private loading: Promise<KeySet> | undefined;

  /**
   * @param read Asks the tenant.
   * @param now Milliseconds, on a clock that never goes back.
   */
  constructor(
    private readonly read: () => Promise<JSONWebKeySet>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @throws JWKSNoMatchingKey for an id that the tenant has not; TenantKeysUnavailableError when that cannot be known. */
  async find(header: JWTHeaderParameters, token: FlattenedJWSInput): Promise<Awaited<ReturnType<KeySet>>> {
    const known = this.known ?? (await this.load());
    if (this.now() > this.knownAt + REFRESH_AFTER_MS) this.load().catch(() => {});
    try {
      return await known(header, token);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_JWKS_NO_MATCHING_KEY' || !this.maySeek()) throw error;
    }
    return (await this.load())(header, token);
  }

  /** @throws TenantKeysUnavailableError when the tenant was sought in vain a moment ago. */
  private maySeek(): boolean {
    if (this.loading !== undefined) return true;
    if (this.isAway()) throw new TenantKeysUnavailableError('the tenant could not be reached a moment ago');
    if (this.now() < this.soughtAt + SEEK_EVERY_MS) return false;
    this.soughtAt = this.now();
    return true;
  }

  private isAway(): boolean {
    return this.now() < this.failedAt + RETRY_AFTER_MS;
  }

  private async load(): Promise<KeySet> {
    if (this.loading === undefined && this.isAway()) {
      throw new TenantKeysUnavailableError('the tenant could not be reached a moment ago');
    }
    this.loading ??= this.loadOnce().finally(() => (this.loading = undefined));
    return this.loading;
  }

  private async loadOnce(): Promise<KeySet> {
    try {
      const { createLocalJWKSet } = await import('jose');
      const set = await this.read();
      const known = createLocalJWKSet(set);
      if (set.keys.length === 0) throw new Error('the key set is empty');
      [this.known, this.knownAt] = [known, this.now()];
      return known;
    } catch (cause) {
      this.failedAt = this.now();
      // What was sought and not answered may be sought again.
      this.soughtAt = -Infinity;
      throw new TenantKeysUnavailableError('the tenant cannot be reached, or its keys cannot be read', { cause });
    }
  }
}

/** As long as callers are promised an answer within. */
const TIME_LIMIT_MS = 2_000;

/**
 * The keys that a tenant publishes, as its OpenID Connect metadata has them at `jwks_uri`.
 *
 * @throws Error when it cannot be reached in time, or answers with anything but 200 and JSON.
 */
export async function readTenantKeys(authority: string, tenantId: string): Promise<JSONWebKeySet> {
  const answer = await fetch(new URL(`/${tenantId}/discovery/v2.0/keys`, authority), {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
  });
  if (!answer.ok) throw new Error(`the tenant answered ${answer.status}`);
  return (await answer.json()) as JSONWebKeySet;
}
