import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import { abortWith } from '../abort';
import { ExitCode } from '../command-failed-error';
import type { Environment } from '../settings/settings-sources';

type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Where people sit, or what stands in for it. Results go to stdout, everything else to stderr. */
export interface Terminal {
  /** Waits until it is written, since the process may end right after; for ever where it cannot be: see `exitOnOutputError`. */
  print(text: string): Promise<void>;
  printError(text: string): void;
  /** A question can be asked. */
  isInteractive: boolean;
  /** A line can be drawn over again. */
  canRedraw: boolean;
  /** Of what goes to stderr, in characters. */
  columns(): number;
  /** For stdout and stderr each: colours only in a terminal. */
  style: { out(style: Style, text: string): string; error(style: Style, text: string): string };
}

/** @param env NO_COLOR (https://no-color.org) and TERM are obeyed. */
export function createTerminal(env: Environment): Terminal {
  const { stdin, stdout, stderr } = process;
  const isDumb = env['TERM'] === 'dumb';
  const mayColour = !env['NO_COLOR'] && !isDumb;
  const paint = (isTerminal: boolean | undefined) => (style: Style, text: string) =>
    // Whether there are colours was decided above: Node would look at stdout for either.
    mayColour && isTerminal ? styleText(style, text, { validateStream: false }) : text;
  return {
    print: (text) => new Promise((resolve) => stdout.write(text, (error) => error || resolve())),
    printError: (text) => void stderr.write(text),
    isInteractive: Boolean(stdin.isTTY && stderr.isTTY),
    canRedraw: Boolean(stderr.isTTY) && !isDumb,
    columns: () => stderr.columns || 80,
    style: { out: paint(stdout.isTTY), error: paint(stderr.isTTY) },
  };
}

/**
 * Ends the process when what was asked for cannot be printed: a script that reads less must not take it for all of it.
 * Messages that cannot be printed change nothing.
 */
export function exitOnOutputError(): void {
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
 * Where the output cannot be written, `exitOnOutputError` decides.
 */
export function exitAfterOutput(exitCode: ExitCode): void {
  process.stdout.write('', (error) => {
    if (!error) process.exit(exitCode);
  });
}

/**
 * Asks on the terminal until one of the letters is given.
 *
 * @param signal Takes the question back.
 * @returns The letter; undefined for a second Ctrl-C, for Ctrl-D, and when the question was taken back.
 */
export async function ask<T extends string>(
  question: string,
  letters: readonly T[],
  signal: AbortSignal,
): Promise<T | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const closing = new AbortController();
  // While a line is read, the terminal gives Ctrl-C to the reader and sends no signal.
  lines.on('SIGINT', () => closing.abort());
  lines.on('close', () => closing.abort());
  const release = abortWith(closing, signal);
  try {
    for (;;) {
      const answer = (await lines.question(question, { signal: closing.signal })).trim().toLowerCase().slice(0, 1);
      const letter = letters.find((one) => one === answer);
      if (letter !== undefined) return letter;
    }
  } catch (error) {
    if (!closing.signal.aborted) throw error;
    process.stderr.write('\n');
    return undefined;
  } finally {
    release();
    lines.close();
  }
}
