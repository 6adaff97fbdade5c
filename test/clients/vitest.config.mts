import { defineConfig } from 'vitest/config';

/** Fetching generators and compiling their clients takes minutes on a busy machine. */
const TEST_LIMIT_MS = 900_000;

/** `npm run test:clients`: clients that generators make of the documents. */
export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  ssr: { resolve: { conditions: ['source', 'node'] } },
  test: {
    setupFiles: ['reflect-metadata'],
    reporters: ['verbose', './test/support/closing-line-reporter.ts'],
    include: ['test/clients/*.spec.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: TEST_LIMIT_MS,
    hookTimeout: TEST_LIMIT_MS,
  },
});
