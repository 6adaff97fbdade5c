/**
 * What the promise gives, for whoever waits no longer than the signal lasts; what it is of goes on.
 *
 * @throws What the promise throws; the signal's reason, when it is aborted before the promise settles.
 */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let leave: () => void = () => {};
  const aborted = new Promise<never>((_resolve, reject) => (leave = () => reject(signal.reason as Error)));
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    // A signal may outlive many promises.
    signal.removeEventListener('abort', leave);
  }
}
