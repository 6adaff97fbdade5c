import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import { abortWith } from '../abort';
import { ExitCode } from '../command-failed-error';

type Style = 'red' | 'green' | 'yellow' | 'cyan';

/** The standard streams: results go to stdout, everything else to stderr. */
export interface Terminal {
  /** Resolves when the text is written; never if that fails, because `exitOnOutputError` then exits. */
  print(text: string): Promise<void>;
  printError(text: string): void;
  /** Whether a person can answer a question. */
  isInteractive: boolean;
  /** Whether stderr can overwrite a line. */
  canRedraw: boolean;
  /** The width of stderr in characters. */
  columns(): number;
  /** Colours a text for stderr; returns it unchanged if stderr is not a terminal. */
  style(style: Style, text: string): string;
}

/** @param env Respects NO_COLOR (https://no-color.org) and TERM. */
export function createTerminal(env: NodeJS.ProcessEnv): Terminal {
  const { stdin, stdout, stderr } = process;
  const isDumb = env['TERM'] === 'dumb';
  const hasColours = Boolean(stderr.isTTY) && !env['NO_COLOR'] && !isDumb;
  return {
    print: (text) => new Promise((resolve) => stdout.write(text, (error) => error || resolve())),
    printError: (text) => void stderr.write(text),
    isInteractive: Boolean(stdin.isTTY && stderr.isTTY),
    canRedraw: Boolean(stderr.isTTY) && !isDumb,
    columns: () => stderr.columns || 80,
    // By default, Node decides by stdout whether to add colours.
    style: (style, text) => (hasColours ? styleText(style, text, { validateStream: false }) : text),
  };
}

/**
 * Exits if stdout cannot be written, because a script must not take a part of the output for all of it. Ignores errors of
 * stderr.
 */
export function exitOnOutputError(): void {
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    // The reader closed the pipe, as `head` does.
    if (code === 'EPIPE') process.exit(ExitCode.Done);
    process.stderr.write(`audit-query: The output cannot be written (${code ?? 'unknown'}). (OUTPUT_FAILED)\n`);
    process.exit(ExitCode.Unexpected);
  });
  process.stderr.on('error', () => {});
}

/**
 * Exits when all output is written; idle connections would keep the process alive for some seconds. If the output cannot
 * be written, `exitOnOutputError` exits.
 */
export function exitAfterOutput(exitCode: ExitCode): void {
  process.stdout.write('', (error) => {
    if (!error) process.exit(exitCode);
  });
}

/**
 * Asks on the terminal until the answer starts with one of the letters.
 *
 * @param signal Withdraws the question.
 * @returns The letter; undefined after Ctrl-C, Ctrl-D or a withdrawal.
 */
export async function ask<T extends string>(
  question: string,
  letters: readonly T[],
  signal: AbortSignal,
): Promise<T | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const closing = new AbortController();
  // While readline reads a line, Ctrl-C is its event and no signal of the process.
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
