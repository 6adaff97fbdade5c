import { CommandFailedError } from '../command-failed-error';
import { ExitCode } from '../exit-code';

/** @param reason How it is known, as the end of a sentence. */
export function toForeignAnswer(reason: string): CommandFailedError {
  return new CommandFailedError({
    exitCode: ExitCode.ServiceUnavailable,
    code: 'NOT_THE_SERVICE',
    message: `What answers is not Audit Query (${reason}): check the URL.`,
  });
}
