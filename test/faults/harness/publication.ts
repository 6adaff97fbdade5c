import type { TcpProxy } from '../../support/tcp-proxy';

/** Only the command by which a worker publishes a completed query contains this. */
const PUBLICATION = '"status":"Completed"';

/** Only the command by which BullMQ completes a job contains this. */
const FINISH = ':queries:completed';

/** Holds back BullMQ's completion of the next job, like `holdPublication`. Redis has the outcome of its query by then. */
export function holdFinish(proxy: TcpProxy): Promise<void> {
  proxy.holdFrom(FINISH);
  return new Promise((resolve) => proxy.onSent(FINISH, resolve));
}

/** Holds back the next publication and all later commands until the proxy's next mode. Resolves when it arrives at the proxy. */
export function holdPublication(proxy: TcpProxy): Promise<void> {
  proxy.holdFrom(PUBLICATION);
  return new Promise((resolve) => proxy.onSent(PUBLICATION, resolve));
}

/**
 * Forwards the next publication to Redis and drops all replies until the proxy's next mode. Redis must have the script
 * already: otherwise it replies NOSCRIPT and publishes nothing. Resolves when the publication is forwarded.
 */
export function losePublicationReply(proxy: TcpProxy): Promise<void> {
  return new Promise((resolve) => {
    let isFirst = true;
    proxy.onSent(PUBLICATION, () => {
      if (isFirst) proxy.setMode('replies-lost');
      isFirst = false;
      resolve();
    });
  });
}
