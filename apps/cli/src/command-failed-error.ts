import type { ExitCode } from './exit-code';

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
