import { execFileSync } from 'node:child_process';
import type { TestProject } from 'vitest/node' with { 'resolution-mode': 'import' };
import { shareTestAuthority } from '../../support/azure/share-test-authority';

/** Compiles the programs that run in own processes, so that the tests do not slow them down. */
export default function setup(project: TestProject): void {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'test/faults/tsconfig.json'], {
    stdio: 'inherit',
  });
  project.provide('testAuthority', shareTestAuthority());
}
