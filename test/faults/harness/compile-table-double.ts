import { execFileSync } from 'node:child_process';

/** The double runs in a process of its own, so that what the tests do to themselves does not slow it down. */
export default function setup(): void {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'test/faults/tsconfig.json'], {
    stdio: 'inherit',
  });
}
