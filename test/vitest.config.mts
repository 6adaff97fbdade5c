import { defineConfig } from 'vitest/config';

/** Far beyond what any test takes on a busy machine; a test that waits says what for long before this. */
const TEST_LIMIT_MS = 90_000;

function services(name: string, folder: string) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${folder}/**/*.spec.ts`],
      globalSetup: ['test/support/global-setup.ts'],
    },
  };
}

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  ssr: { resolve: { conditions: ['audit-query-source', 'node'] } },
  test: {
    setupFiles: ['reflect-metadata'],
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    // Two processors, and every file of the slow kinds starts processes of its own.
    maxWorkers: 2,
    testTimeout: TEST_LIMIT_MS,
    hookTimeout: TEST_LIMIT_MS,
    projects: [
      { extends: true, test: { name: 'unit', include: ['{apps,libs}/**/*.spec.ts'] } },
      services('integration', 'integration'),
      services('contract', 'contract'),
      services('e2e', 'e2e'),
      {
        extends: true,
        test: {
          name: 'faults-brief',
          // The checker, and of each kind of fault what tells most in little time; `npm run test:faults` has all of them.
          include: ['test/faults/checker/*.spec.ts', 'test/faults/brief/*.spec.ts'],
          globalSetup: ['test/faults/harness/global-setup.ts'],
          // Times are judged: after all others, not beside them.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
