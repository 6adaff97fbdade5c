import type { TcpProxy } from '../../support/tcp-proxy';

/** Of all that workers send to Redis, only what publishes a completed query has this. */
const PUBLICATION = '"status":"Completed"';

/** Of what workers send to Redis, BullMQ's end of a job alone has this. */
const FINISH = ':queries:completed';

/** Keeps BullMQ's end of the next job from Redis, in the same way. The outcome of its query is there by then. */
export function holdFinish(line: TcpProxy): Promise<void> {
  line.holdFrom(FINISH);
  return new Promise((resolve) => line.onSent(FINISH, resolve));
}

/** Keeps the next publication from Redis, and all that follows it, until the line's next mode. @returns When it is there. */
export function holdPublication(line: TcpProxy): Promise<void> {
  line.holdFrom(PUBLICATION);
  return new Promise((resolve) => line.onSent(PUBLICATION, resolve));
}

/**
 * Lets the next publication through to Redis, and no reply back, until the line's next mode. Redis has to know its script
 * by then: else it answers only that it does not.
 *
 * @returns When it is on its way.
 */
export function losePublicationReply(line: TcpProxy): Promise<void> {
  return new Promise((resolve) => {
    let isFirst = true;
    line.onSent(PUBLICATION, () => {
      if (isFirst) line.setMode('replies-lost');
      isFirst = false;
      resolve();
    });
  });
}
