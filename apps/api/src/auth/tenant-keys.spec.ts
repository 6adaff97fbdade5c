import { beforeAll, describe, expect, it } from 'vitest';
import type { JSONWebKeySet } from 'jose' with { 'resolution-mode': 'import' };
import { TenantKeys } from './tenant-keys';

const sets: Record<string, JSONWebKeySet> = {};

beforeAll(async () => {
  const { exportJWK, generateKeyPair } = await import('jose');
  for (const kid of ['first', 'second']) {
    const { publicKey } = await generateKeyPair('RS256');
    sets[kid] = { keys: [{ ...(await exportJWK(publicKey)), kid, use: 'sig' }] };
  }
});

/** A tenant that signs with one key, on a clock that stands still. */
function start() {
  const tenant = { key: 'first', isAway: false, requests: 0, ms: 0 };
  const read = async () => {
    tenant.requests += 1;
    if (tenant.isAway) throw new Error('away');
    return sets[tenant.key] ?? { keys: [] };
  };
  const keys = new TenantKeys(read, () => tenant.ms);
  const find = async (kid: string) => {
    try {
      await keys.find({ alg: 'RS256', kid }, { payload: '', signature: '' });
      return 'found';
    } catch (error) {
      return (error as { code?: string }).code;
    }
  };
  return { tenant, find };
}

const UNKNOWN = 'ERR_JWKS_NO_MATCHING_KEY';
const AWAY = 'TENANT_KEYS_UNAVAILABLE';

describe('the keys of a tenant', () => {
  it('are asked for once, however many tokens come at once', async () => {
    const { tenant, find } = start();
    expect(await Promise.all(['first', 'first', 'first'].map(find))).toEqual(['found', 'found', 'found']);
    expect(await find('first')).toBe('found');
    expect(tenant.requests).toBe(1);
  });

  it('are asked for again when a token names a new one', async () => {
    const { tenant, find } = start();
    await find('first');
    tenant.key = 'second';
    expect([await find('second'), await find('first'), tenant.requests]).toEqual(['found', UNKNOWN, 2]);
  });

  it('are asked for once in half a minute, whatever flood of ids there is', async () => {
    const { tenant, find } = start();
    const flood = () => Promise.all(Array.from({ length: 50 }, (_, i) => find(`unknown-${i}`)));
    expect(new Set([...(await flood()), ...(await flood())])).toEqual(new Set([UNKNOWN]));
    expect(tenant.requests).toBe(2);
    tenant.ms += 29_999;
    await flood();
    expect(tenant.requests).toBe(2);
    tenant.ms += 1;
    await flood();
    expect([await find('first'), tenant.requests]).toEqual(['found', 3]);
  });

  it('go on being good while the tenant is away, and of others nothing is known', async () => {
    const { tenant, find } = start();
    await find('first');
    tenant.isAway = true;
    expect([await find('second'), await find('third'), await find('first')]).toEqual([AWAY, AWAY, 'found']);
    expect(tenant.requests).toBe(2);
    [tenant.isAway, tenant.key] = [false, 'second'];
    expect(await find('second')).toBe(AWAY);
    tenant.ms += 5_000;
    expect([await find('second'), tenant.requests]).toEqual(['found', 3]);
  });

  it('are replaced after an hour, beside the answer', async () => {
    const { tenant, find } = start();
    await find('first');
    tenant.key = 'second';
    tenant.ms += 3_600_001;
    expect(await find('first')).toBe('found');
    expect([await find('second'), tenant.requests]).toEqual(['found', 2]);
  });

  it('are kept when the tenant has none to give', async () => {
    const { tenant, find } = start();
    await find('first');
    tenant.key = 'none';
    expect([await find('second'), await find('first')]).toEqual([AWAY, 'found']);
  });
});
