import { CommandFailedError } from '../command-failed-error';
import { ExitCode } from '../exit-code';

const SIGNALS = {
  SIGINT: ExitCode.Interrupted,
  SIGTERM: ExitCode.ToldToEnd,
  SIGHUP: ExitCode.HungUp,
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
