import { ConfigInvalidError } from '../config/parse-config';

/** A started process: what ends it, and how long that may take. */
export interface RunningProcess {
  graceSeconds: number;
  close(): Promise<unknown>;
}

/**
 * Starts a process and ends it on SIGTERM or SIGINT: orderly within its grace period, or else at once, since
 * an orderly end can wait for ever while Redis is away. A start that fails ends it with code 1. One that is told to go
 * while it starts has nothing yet that would have to be ended, and goes at once.
 */
export async function runUntilSignal(start: () => Promise<RunningProcess>): Promise<void> {
  let end: () => void = () => process.exit(0);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => end());
  let running: RunningProcess;
  try {
    running = await start();
  } catch (error) {
    console.error(error instanceof ConfigInvalidError ? error.message : error);
    process.exit(1);
  }
  end = () => {
    setTimeout(() => process.exit(0), running.graceSeconds * 1_000);
    running.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
}
