import { readFileSync } from 'node:fs';
import { CommandFailedError, ExitCode } from '../command-failed-error';

const SIGNALS = {
  SIGINT: ExitCode.Interrupted,
  SIGTERM: ExitCode.Sigterm,
  SIGHUP: ExitCode.Sighup,
} as const;

/** Turns the signals that end the command into one AbortSignal; its reason is the error to report. */
export class Interrupts {
  private readonly ending = new AbortController();
  /** Handles Ctrl-C, which ends the command if undefined. */
  onInterrupt: (() => void) | undefined;

  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /** After this, signals no longer end the process by themselves. */
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

/** The other keys for which a terminal sends a signal. */
const KEY_SIGNALS = new Map<number, NodeJS.Signals>([
  [0x1a, 'SIGTSTP'],
  [0x1c, 'SIGQUIT'],
]);

/**
 * Reads Ctrl-C as a key if npm runs the command (`npx`): the signal would also reach npm's shell, and dash would exit with
 * 130 whatever the exit code of this process. Does nothing without npm or in the background.
 */
export class InterruptKey {
  private readonly isThroughNpm: boolean;
  private readonly onKeys = (keys: Buffer) => keys.forEach((key) => this.press(key));
  private readonly onContinue = () => this.read();

  constructor(
    env: NodeJS.ProcessEnv,
    private readonly onInterrupt: () => void,
  ) {
    this.isThroughNpm = env['npm_execpath'] !== undefined;
  }

  listen(): void {
    if (!this.isThroughNpm) return;
    process.on('SIGCONT', this.onContinue);
    this.read();
  }

  /** Restores the mode of the terminal. */
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
    // To the process group, as the terminal does.
    process.kill(0, signal);
  }
}

/** Compares fields 5 and 8 of proc_pid_stat(5): the process group, and the foreground group of its terminal. */
function isInForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // The second field is a name that may contain blanks and parentheses.
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    // Not Linux: macOS, whose shell is not dash.
    return false;
  }
}
