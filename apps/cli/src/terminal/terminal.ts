import { styleText } from 'node:util';
import type { Environment } from '../settings/settings-sources';

type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Where people sit, or what stands in for it. Results go to stdout, everything else to stderr. */
export interface Terminal {
  /** Waits until it is written, since the process may end right after; for ever where it cannot be: see `watchOutput`. */
  print(text: string): Promise<void>;
  printError(text: string): void;
  /** A question can be asked. */
  isInteractive: boolean;
  /** A line can be drawn over again. */
  hasBar: boolean;
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
    hasBar: Boolean(stderr.isTTY) && !isDumb,
    columns: () => stderr.columns || 80,
    style: { out: paint(stdout.isTTY), error: paint(stderr.isTTY) },
  };
}
