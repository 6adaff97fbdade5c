import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startIdentityEndpoint } from '../support/azure/identity-endpoint';
import { startKeyVault } from '../support/azure/key-vault-double';
import { type ServiceProcess, waitUntilReady } from '../support/service-processes';
import { toConnectionString } from '../support/table-double/start-table-double';
import { waitUntil } from '../support/wait-until';
import { onStage, WHOLE_RANGE } from './harness/on-stage';
import type { Stage } from './harness/stage';

const TABLE_SECRET = 'storage-account-connection-string';
const HASH_SECRET = 'identifier-hash-key';

/** A key that is looked for afterwards wherever it must not be. */
function toSecretKey({ secrets }: Stage): string {
  const key = randomBytes(64).toString('base64');
  secrets.push(key);
  return key;
}

interface Scene {
  vault: Awaited<ReturnType<typeof startKeyVault>>;
  addWorker: () => Promise<ServiceProcess>;
}

/** The stage, with a vault that has the secrets of its workers and outlives them. */
async function withVault(test: (stage: Stage, scene: Scene) => Promise<void>): Promise<void> {
  const [identity, vault] = await Promise.all([startIdentityEndpoint(), startKeyVault()]);
  const env = { ...identity.env, KEY_VAULT_URL: vault.url, TABLE_CONNECTION_STRING: '', IDENTIFIER_HASH_KEY: '' };
  try {
    await onStage({ workers: 0 }, async (stage) => {
      vault.set(TABLE_SECRET, stage.connectionString(stage.double.port));
      vault.set(HASH_SECRET, toSecretKey(stage));
      await test(stage, { vault, addWorker: () => stage.addWorker(env) });
    });
  } finally {
    await Promise.all([identity.stop(), vault.stop()]);
  }
}

describe('fault 13: secrets change, or cannot be had', () => {
  it('a key that is rotated in the middle of a query is not noticed', () =>
    withVault(async (stage, { vault, addWorker }) => {
      await addWorker();
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(10);
      const key = toSecretKey(stage);
      vault.set(TABLE_SECRET, toConnectionString(stage.double.port, key));
      await stage.double.configure({ accountKeys: [key] });
      expect((await stage.waitForEnd(id)).status).toBe('Completed');
    }));

  it('a key that nobody has any more: TABLE_FORBIDDEN', () =>
    withVault(async (stage, { addWorker }) => {
      await addWorker();
      const id = await stage.callers[0].submitUntilAccepted(WHOLE_RANGE);
      await stage.waitForPages(10);
      await stage.double.configure({ accountKeys: [toSecretKey(stage)] });
      expect((await stage.waitForEnd(id)).error?.code).toBe('TABLE_FORBIDDEN');
    }));

  it.each([
    ['away', { kind: 'away' } as const, 'SECRET_UNREACHABLE'],
    ['throttling', { kind: 'status', status: 429, retryAfterSeconds: 1 } as const, 'SECRET_THROTTLED'],
  ])('a vault that is %s at the start: not ready, no query is taken, and it recovers', (_name, disturbance, code) =>
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
