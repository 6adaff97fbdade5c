import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  ssr: { resolve: { conditions: ['source', 'module', 'node', 'import', 'default'] } },
  test: {
    setupFiles: ['reflect-metadata'],
    projects: [{ extends: true, test: { name: 'unit', include: ['{apps,libs}/**/*.spec.ts'] } }],
  },
});
