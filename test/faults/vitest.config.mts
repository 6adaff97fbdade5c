import { defineConfig } from 'vitest/config';

/** A fault may last for seconds; with the values of production, for minutes. */
const TEST_LIMIT_MS = process.env['FAULTS_PROFILE'] === 'slow' ? 1_200_000 : 240_000;
const MINUTES = Number(process.env['FAULTS_MINUTES'] ?? 10);
const globalSetup = ['test/faults/harness/global-setup.ts'];

export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  ssr: { resolve: { conditions: ['audit-query-source', 'module', 'node'] } },
  test: {
    setupFiles: ['reflect-metadata'],
    reporters: ['verbose', './test/support/closing-line-reporter.ts'],
    // Times are judged: nothing else is to run beside a fault.
    fileParallelism: false,
    testTimeout: TEST_LIMIT_MS,
    hookTimeout: TEST_LIMIT_MS,
    projects: [
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['test/faults/*.spec.ts', 'test/faults/{brief,checker}/*.spec.ts'],
          globalSetup,
        },
      },
      {
        extends: true,
        test: {
          name: 'mixture',
          include: ['test/faults/mixture/*.spec.ts'],
          globalSetup,
          // The run itself, and what is before and after.
          testTimeout: MINUTES * 60_000 + 2 * TEST_LIMIT_MS,
        },
      },
    ],
  },
});
