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
  /** Not reached, ill, or asking for more retryOptions than `--retry-for` gives. */
  ServiceUnavailable: 7,
  NotFinished: 8,
  /** 128 and the number of the signal, as shells have it. */
  Sighup: 129,
  Interrupted: 130,
  Sigterm: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

interface Failure {
  exitCode: ExitCode;
  /** The service's own code where it gave one. */
  code: string;
  /** One sentence or two for people: what is wrong and what to change; never holds a credential. */
  message: string;
  /** The query that it is about, where one is known. */
  id?: string;
  cause?: unknown;
}

/** Why a command ends without having done what it was told to. */
export class CommandFailedError extends Error {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly id: string | undefined;

  constructor({ exitCode, code, message, id, cause }: Failure) {
    super(message, { cause });
    this.exitCode = exitCode;
    this.code = code;
    this.id = id;
  }
}
