import { readFileSync } from 'node:fs';
import { CommandFailedError, ExitCode } from '../command-failed-error';
import type { Environment } from '../settings/settings-sources';

const SIGNALS = {
  SIGINT: ExitCode.Interrupted,
  SIGTERM: ExitCode.Sigterm,
  SIGHUP: ExitCode.Sighup,
} as const;

/** The signals that end the command, as one AbortSignal whose reason is the error to end with. */
export class Interrupts {
  private readonly ending = new AbortController();
  /** Takes a Ctrl-C in place of the end. */
  onInterrupt: (() => void) | undefined;

  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /** From now on signals no longer end the process by themselves. */
  listen(): void {
    for (const [name, exitCode] of Object.entries(SIGNALS)) {
      process.on(name, () => {
        if (name === 'SIGINT') this.interrupt();
        else this.end(exitCode);
      });
    }
  }

  interrupt(): void {
    if (this.onInterrupt === undefined) this.end();
    else this.onInterrupt();
  }

  end(exitCode: ExitCode = ExitCode.Interrupted): void {
    this.ending.abort(new CommandFailedError({ exitCode, code: 'INTERRUPTED', message: 'Interrupted.' }));
  }
}

const CTRL_C = 0x03;

/** Keys that send another signal. */
const KEY_SIGNALS = new Map<number, NodeJS.Signals>([
  [0x1a, 'SIGTSTP'],
  [0x1c, 'SIGQUIT'],
]);

/**
 * Ctrl-C where npm runs the command (`npx`), read as a key. As a signal it would reach npm's shell too, and dash then ends
 * with 130, whatever this process ends with. Elsewhere, and in the background, it does nothing.
 */
export class InterruptKey {
  private readonly isThroughNpm: boolean;
  private readonly onKeys = (keys: Buffer) => keys.forEach((key) => this.press(key));
  private readonly onContinue = () => this.read();

  constructor(
    env: Environment,
    private readonly onInterrupt: () => void,
  ) {
    this.isThroughNpm = env['npm_execpath'] !== undefined;
  }

  listen(): void {
    if (!this.isThroughNpm) return;
    process.on('SIGCONT', this.onContinue);
    this.read();
  }

  /** Leaves the terminal as it was. */
  stop(): void {
    process.off('SIGCONT', this.onContinue);
    this.release();
  }

  private read(): void {
    // Reading or changing the terminal in the background stops the process.
    if (process.stdin.isRaw || !isInForeground()) return;
    process.stdin.setRawMode(true).on('data', this.onKeys).resume();
  }

  private release(): void {
    process.stdin.off('data', this.onKeys);
    if (process.stdin.isRaw) process.stdin.pause().setRawMode(false);
  }

  private press(key: number): void {
    if (key === CTRL_C) return this.onInterrupt();
    const signal = KEY_SIGNALS.get(key);
    if (signal === undefined) return;
    this.release();
    // To the whole group, as the terminal does.
    process.kill(0, signal);
  }
}

/** By proc_pid_stat(5), fields 5 and 8: the group of the process, and the one in the foreground of its terminal. */
function isInForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // The second field is a name, in which there may be blanks and parentheses.
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    // Not Linux: macOS, whose shell is not dash.
    return false;
  }
}
