import { defineConfig } from 'vitest/config';

/** A query is slow here on purpose, and a container may take its grace period. */
const TEST_LIMIT_MS = 180_000;

export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  ssr: { resolve: { conditions: ['audit-query-source', 'module', 'node'] } },
  test: {
    name: 'containers',
    include: ['test/containers/*.spec.ts'],
    globalSetup: ['test/containers/global-setup.ts'],
    reporters: ['verbose', './test/support/closing-line-reporter.ts'],
    fileParallelism: false,
    testTimeout: TEST_LIMIT_MS,
    hookTimeout: TEST_LIMIT_MS,
  },
});
