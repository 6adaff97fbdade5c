/** What the command ends with. Scripts depend on the numbers: none ever changes its meaning. */
export const ExitCode = {
  Done: 0,
  /** A mistake of this program, or output that cannot be written. */
  Unexpected: 1,
  /** Arguments, configuration, or a request that the service finds invalid. */
  Usage: 2,
  NotFound: 3,
  QueryFailed: 4,
  QueryTerminated: 5,
  NotAuthorized: 6,
  /** Not reached, ill, or asking for more patience than `--retry-for` gives. */
  ServiceUnavailable: 7,
  NotFinished: 8,
  /** 128 and the number of the signal, as shells have it. */
  HungUp: 129,
  Interrupted: 130,
  ToldToEnd: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
