import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startIdentityEndpoint } from '../support/azure/identity-endpoint';
import { startKeyVault } from '../support/azure/key-vault-double';
import type { Disturbance } from '../support/azure/scripted-server';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { toConnectionString } from '../support/table-double/start-table-double';
import { waitUntil } from '../support/wait-until';
import type { CheckOptions } from './checker/check-stage';
import { now } from './harness/history';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import { profile } from './harness/profile';
import type { Stage } from './harness/stage';

const TABLE_SECRET = 'storage-account-connection-string';
const HASH_SECRET = 'identifier-hash-key';

/** Of the whole range. */
const PAGES = 60;

/** A new account key, which I7 looks for. */
function toSecretKey({ secrets }: Stage): string {
  const key = randomBytes(64).toString('base64');
  secrets.push(key);
  return key;
}

interface Scene {
  vault: Awaited<ReturnType<typeof startKeyVault>>;
  /** @param env More for it. */
  addWorker: (env?: Record<string, string>) => Promise<ServiceProcess>;
}

/** A stage whose workers read their secrets from a vault, which stops after them. */
async function withVault(test: (stage: Stage, scene: Scene) => Promise<void>, check: CheckOptions = {}): Promise<void> {
  const [identity, vault] = await Promise.all([startIdentityEndpoint(), startKeyVault()]);
  const env = { ...identity.env, KEY_VAULT_URL: vault.url, TABLE_CONNECTION_STRING: '', IDENTIFIER_HASH_KEY: '' };
  try {
    await onStage({ workers: 0, check }, async (stage) => {
      vault.set(TABLE_SECRET, stage.connectionString(stage.double.port));
      vault.set(HASH_SECRET, toSecretKey(stage));
      await test(stage, { vault, addWorker: (more = {}) => stage.addWorker({ ...env, ...more }) });
    });
  } finally {
    await Promise.all([identity.stop(), vault.stop()]);
  }
}

/** How a vault is unavailable, and how long a worker waits for a request to it beyond PAGE_RETRY_SECONDS. */
const ABSENCES: [name: string, disturbance: Disturbance, extraMs: number][] = [
  ['away', { kind: 'away' }, 0],
  ['silent', { kind: 'slow' }, 10_000],
  ['throttling', { kind: 'status', status: 429, retryAfterSeconds: 1 }, 0],
];

const FORBIDDEN = { mayFailAs: ['TABLE_FORBIDDEN'] };

/** Time to publish the failure and to read it, on a busy machine. */
const SLACK_MS = 3_000;

/** Rotates the key while the vault is unavailable. @returns The time of the first refused page. */
async function rotateUnnoticed(stage: Stage, { vault }: Scene, disturbance: Disturbance): Promise<number> {
  vault.disturb(disturbance);
  const key = toSecretKey(stage);
  vault.set(TABLE_SECRET, toConnectionString(stage.double.port, key));
  const asked = vault.requests.length;
  await stage.double.configure({ accountKeys: [key] });
  const isRefused = ({ status }: { status: number | null }) => status === 403;
  const requests = await waitUntil(
    'a refused page',
    () => stage.double.requests(),
    (all) => all.some(isRefused),
  );
  await waitUntil(
    'a failed request to the vault',
    () => vault.requests.length,
    (count) => count > asked,
  );
  return requests.find(isRefused)?.receivedAtMs ?? 0;
}

describe('fault 13: secrets change or are unavailable', () => {
  it('a key rotation during a query: no caller notices', () =>
    withVault(async (stage, { vault, addWorker }) => {
      await addWorker();
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(10);
      const key = toSecretKey(stage);
      vault.set(TABLE_SECRET, toConnectionString(stage.double.port, key));
      await stage.double.configure({ accountKeys: [key] });
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));

  it.each(ABSENCES)(
    'a key rotation while the vault is %s: the worker reads the key once the vault is back',
    (_name, disturbance) =>
      withVault(async (stage, scene) => {
        await scene.addWorker({ PAGE_RETRY_SECONDS: '30' });
        const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
        await stage.waitForPages(10);
        await rotateUnnoticed(stage, scene, disturbance);
        const served = await stage.pagesServed();
        scene.vault.disturb(undefined);
        expect((await stage.waitForEnd(id)).status).toBe('Completed');
        expect(served).toBeLessThan(PAGES);
      }),
  );

  it.each(ABSENCES)(
    'a vault that stays %s: TABLE_FORBIDDEN after PAGE_RETRY_SECONDS; the next query uses the new key',
    (name, disturbance, extraMs) =>
      withVault(async (stage, scene) => {
        const worker = await scene.addWorker();
        const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
        await stage.waitForPages(10);
        const refusedAt = await rotateUnnoticed(stage, scene, disturbance);
        expect((await stage.waitForEnd(id)).error?.code).toBe('TABLE_FORBIDDEN');
        const tookMs = now() - refusedAt;
        console.log(`a vault that stays ${name}: given up after ${Math.round(tookMs)} ms`);
        expect(tookMs).toBeLessThan(profile.pageRetrySeconds * 1_000 + extraMs + SLACK_MS);
        scene.vault.disturb(undefined);
        await waitUntilReady(worker);
        const later = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
        expect((await stage.waitForEnd(later)).status).toBe('Completed');
      }, FORBIDDEN),
  );

  it('a key that no store has: TABLE_FORBIDDEN', () =>
    withVault(async (stage, { addWorker }) => {
      await addWorker();
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(10);
      await stage.double.configure({ accountKeys: [toSecretKey(stage)] });
      expect((await stage.waitForEnd(id)).error?.code).toBe('TABLE_FORBIDDEN');
    }, FORBIDDEN));

  it.each([
    ['away', { kind: 'away' } as const, 'SECRET_UNREACHABLE'],
    ['silent', { kind: 'slow' } as const, 'SECRET_UNREACHABLE'],
    ['throttling', { kind: 'status', status: 429, retryAfterSeconds: 1 } as const, 'SECRET_THROTTLED'],
  ])(
    'a vault that is %s at the start: the worker is not ready, runs no query, and recovers',
    (_name, disturbance, code) =>
      withVault(async (stage, { vault, addWorker }) => {
        vault.disturb(disturbance);
        const worker = await addWorker();
        const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
        await waitUntil(
          `readiness to say ${code}`,
          async () => (await fetch(`${worker.url}/health/ready`)).text(),
          (body) => body.includes(code),
        );
        expect((await stage.callers[0].read(id)).answer?.document?.status).toBe('Pending');
        vault.disturb(undefined);
        await waitUntilReady(worker);
        expect((await stage.waitForEnd(id)).status).toBe('Completed');
      }),
  );
});
