import { ConfigInvalidError } from '../config/parse-config';

/** A started process: what ends it, and how long that may take. */
export interface RunningProcess {
  graceSeconds: number;
  close(): Promise<unknown>;
}

/**
 * Starts a process and ends it on SIGTERM or SIGINT: orderly within its grace period, or else at once, since
 * an orderly end can wait for ever while Redis is away. A start that fails ends it with code 1.
 */
export async function runUntilSignal(start: () => Promise<RunningProcess>): Promise<void> {
  let running: RunningProcess;
  try {
    running = await start();
  } catch (error) {
    console.error(error instanceof ConfigInvalidError ? error.message : error);
    process.exit(1);
  }
  const end = () => {
    setTimeout(() => process.exit(0), running.graceSeconds * 1_000);
    running.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
}
