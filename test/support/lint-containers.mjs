// Lints the given Dockerfiles and exits with 1 for any finding. The linter's own command takes one file and exits with 0
// for warnings (https://github.com/rcjsuen/dockerfile-utils); here a warning is an error.
import { readFileSync } from 'node:fs';
import { validate } from 'dockerfile-utils';

const paths = process.argv.slice(2);
if (paths.length === 0) throw new Error('No Dockerfile was given.');

for (const path of paths) {
  for (const { range, message } of validate(readFileSync(path, 'utf8'))) {
    console.error(`${path}:${range.start.line + 1}:${range.start.character + 1} ${message}`);
    process.exitCode = 1;
  }
}
