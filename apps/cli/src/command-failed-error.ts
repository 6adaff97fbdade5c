/** The exit codes of the command. Scripts depend on them: never change the meaning of a number. */
export const ExitCode = {
  Done: 0,
  /** A bug in this program, or output that cannot be written. */
  Unexpected: 1,
  /** Invalid arguments or configuration, or a request that the service rejects as invalid. */
  Usage: 2,
  NotFound: 3,
  QueryFailed: 4,
  QueryTerminated: 5,
  NotAuthorized: 6,
  /** Unreachable, busy or failing for longer than `--retry-for`, or not Audit Query. */
  ServiceUnavailable: 7,
  NotFinished: 8,
  /** 128 plus the number of the signal, as in a shell. */
  Sighup: 129,
  Interrupted: 130,
  Sigterm: 143,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

interface Failure {
  exitCode: ExitCode;
  /** The code of the service if the service reported the failure. */
  code: string;
  /** One or two sentences: what failed and what to change. Must not contain a credential. */
  message: string;
  /** The query of the failed command, if known. */
  id?: string;
  cause?: unknown;
}

/** Ends a command with an exit code and a message. */
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
