import { CommandFailedError } from '../command-failed-error';
import { ExitCode } from '../exit-code';

/** @param message Says what to change, and never a value. */
export function toSettingsError(message: string, cause?: unknown): CommandFailedError {
  return new CommandFailedError({ exitCode: ExitCode.Usage, code: 'SETTINGS_INVALID', message, cause });
}
