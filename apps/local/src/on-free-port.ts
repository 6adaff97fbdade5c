import { pickAnyPort } from './ports';
import { ProcessEndedError } from './service-process';

const ATTEMPTS = 5;

/** Calls `start` with a free port, and with another one when somebody was faster to take it. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await pickAnyPort());
    } catch (error) {
      if (attempt === ATTEMPTS || !isPortTaken(error)) throw error;
    }
  }
}

/** Whether a process ended for want of its port. What it printed is all that there is to tell by. */
export function isPortTaken(error: unknown): boolean {
  return error instanceof ProcessEndedError && /EADDRINUSE|address already in use/i.test(error.output);
}
