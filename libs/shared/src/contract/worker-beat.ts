/** A query that a worker runs, and when the run began: milliseconds since 1970 by Redis' clock. */
export interface RunningQuery {
  id: string;
  since: number;
}

/** What a worker process says of itself with each beat. */
export interface WorkerBeat {
  /** Random; a process that starts again is another worker. */
  id: string;
  host: string;
  pid: number;
  /** Milliseconds since 1970 by the worker's own clock. */
  startedAt: number;
  version: string;
  queries: RunningQuery[];
}

/** A worker as others see it. */
export interface WorkerSighting extends WorkerBeat {
  /** Milliseconds since 1970 by Redis' clock. */
  lastBeatAt: number;
  /** False when it has missed several beats: it was killed, or cannot reach Redis. */
  isAlive: boolean;
}
