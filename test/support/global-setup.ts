import type { TestProject } from 'vitest/node' with { 'resolution-mode': 'import' };
import { startAzurite } from '../../apps/local/src/azurite';
import { startRedis } from '../../apps/local/src/redis-server';
import { type AuthorityFiles, shareTestAuthority } from './azure/share-test-authority';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
    /** The embedded one has no memory limit. */
    redisKind: 'given' | 'native' | 'embedded';
    tableConnectionString: string;
    /** Of the doubles that speak https; the processes of the tests and those that they start trust it. */
    testAuthority: AuthorityFiles;
  }
}

/** One Redis and one Azurite for all files; every test has keys and a table of its own in them. */
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
