import { createInterface } from 'node:readline/promises';
import { abortWith } from '../abort-with';

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
