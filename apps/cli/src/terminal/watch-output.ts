import { ExitCode } from '../exit-code';

/**
 * Ends the process when what was asked for cannot be printed: a script that reads less must not take it for all of it.
 * Messages that cannot be printed change nothing.
 */
export function watchOutput(): void {
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    // Whoever reads may have seen enough, as `head` has.
    if (code === 'EPIPE') process.exit(ExitCode.Done);
    process.stderr.write(`audit-query: The output cannot be written (${code ?? 'unknown'}). (OUTPUT_FAILED)\n`);
    process.exit(ExitCode.Unexpected);
  });
  process.stderr.on('error', () => {});
}

/**
 * Ends the process when all of its output is written; connections that are kept alive would keep it so for some seconds.
 * Where the output cannot be written, `watchOutput` decides.
 */
export function endWhenWritten(exitCode: ExitCode): void {
  process.stdout.write('', (error) => {
    if (!error) process.exit(exitCode);
  });
}
