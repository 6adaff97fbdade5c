/**
 * Asks again where the line broke in the middle of the replies. ioredis sends again what has had no reply, but of a
 * pipeline that was answered in part it gives up the rest.
 *
 * @param ask Does no harm when it is done twice. It waits for a Redis that is away, as a connection for work does.
 * @throws What `ask` throws for another reason.
 */
export async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isCutOff(error)) throw error;
    }
  }
}

/** Of the errors with this name ioredis names the command in this one alone; its class is not to be had from it. */
function isCutOff(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError' && 'command' in error;
}
