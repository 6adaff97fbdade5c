import type { TestProject } from 'vitest/node' with { 'resolution-mode': 'import' };
import { startAzurite } from '../../apps/local/src/azurite';
import { startRedis } from '../../apps/local/src/redis-server';
import { type AuthorityFiles, shareTestAuthority } from './azure/share-test-authority';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
    /** The embedded Redis has no memory limit. */
    redisKind: 'given' | 'native' | 'embedded';
    tableConnectionString: string;
    /** Authority of the doubles with https; the tests and all processes that they start trust it. */
    testAuthority: AuthorityFiles;
  }
}

/** One Redis and one Azurite for all files. Every test uses its own key prefix and table. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [redis, azurite] = await Promise.all([startRedis(), startAzurite()]);
  project.provide('testAuthority', shareTestAuthority());
  project.provide('redisUrl', redis.url);
  project.provide('redisKind', redis.kind);
  project.provide('tableConnectionString', azurite.connectionString);
  return async () => {
    await Promise.all([redis.stop(), azurite.stop()]);
  };
}
