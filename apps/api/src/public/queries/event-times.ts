/** How patient the streams of events are. A class, so that it can be asked for by its type. */
export abstract class EventTimes {
  /** Between two comments. */
  abstract readonly commentMs: number;
  /** How long a reader is waited for that has not taken all, once there is nothing more to come. */
  abstract readonly lingerMs: number;
  /** Nothing was heard of a query that is waited for: after this it is read. */
  abstract readonly quietMs: number;
  /** The longest that a stream stays open. Its client resumes it, with its credential checked again. */
  abstract readonly longestMs: number;
}

/** Proxies close what is silent, most after a minute at least; a reader that takes nothing for half of one is gone. */
export const EVENT_TIMES: EventTimes = { commentMs: 15_000, lingerMs: 30_000, quietMs: 30_000, longestMs: 900_000 };
