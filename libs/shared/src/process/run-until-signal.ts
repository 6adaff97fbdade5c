import { Logger } from '@nestjs/common';

/** A started process: what ends it, and how long that may take. */
export interface RunningProcess {
  graceSeconds: number;
  close(): Promise<unknown>;
}

/**
 * Starts a process and ends it on SIGTERM or SIGINT: orderly within its grace period, or else at once, since
 * an orderly end can wait for ever while Redis is away. One that is told to go while it starts has nothing yet that would
 * have to be ended, and goes at once. A start that fails ends it with code 1, and so does an error that nobody catches:
 * Node itself would print it with all its members, which may be a request and its headers.
 */
export async function runUntilSignal(start: () => Promise<RunningProcess>): Promise<void> {
  const logger = new Logger('Process');
  const die = (error: unknown, text: string) => {
    // Printed as text for the person who wrote the configuration: there is no logger yet.
    if (isConfigInvalid(error)) console.error(error.message);
    else logger.fatal({ err: error }, text);
    process.exit(1);
  };
  process.on('uncaughtException', (error) => die(error, 'an error that nobody caught'));
  let end: () => void = () => process.exit(0);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => end());
  let running: RunningProcess;
  try {
    running = await start();
  } catch (error) {
    return die(error, 'the process could not start');
  }
  end = () => {
    // Told again, and by another signal: it is going already, and its grace period has begun.
    end = () => {};
    setTimeout(() => {
      logger.warn({ graceSeconds: running.graceSeconds }, 'the process did not end within its grace period');
      process.exit(0);
    }, running.graceSeconds * 1_000);
    running.close().then(
      () => process.exit(0),
      (error: unknown) => die(error, 'the process did not end in order'),
    );
  };
}

/** By its code: this folder imports nothing of `config`. */
function isConfigInvalid(error: unknown): error is Error {
  return error instanceof Error && (error as { code?: unknown }).code === 'CONFIG_INVALID';
}
