import { unwatchFile, watchFile } from 'node:fs';
import { Logger } from '@nestjs/common';
import { SecretError } from '#shared/secrets/secret-error';
import { ApiKeyListInvalidError } from './api-key-list';
import { ApiKeys } from './api-keys';

/** Looked at by its path, so that a file that is replaced, or is a link that is, is seen too. */
const LOOK_EVERY_MS = 1_000;

export interface ListSource {
  /** What the list is called in the log. */
  name: string;
  read(): Promise<string>;
  /** Where the list is a file that can be watched. */
  file: string | undefined;
  refreshSeconds: number;
}

/**
 * The keys of a list that is read again now and then, and as soon as its file changes. A list that has become invalid
 * or cannot be read is logged, and the former one stays.
 *
 * @throws ApiKeyListInvalidError, or what `read` throws, when the first list cannot be had.
 */
export async function watchApiKeys(source: ListSource): Promise<{ keys: ApiKeys; close: () => void }> {
  const logger = new Logger('ApiKeys');
  const keys = new ApiKeys(await source.read());
  const refresh = () =>
    void source
      .read()
      .then((list) => keys.replace(list))
      .catch((error: unknown) => logger.error(`${source.name} is not taken over, ${explain(error)}`));
  const timer = setInterval(refresh, source.refreshSeconds * 1_000).unref();
  const { file } = source;
  if (file !== undefined) watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, refresh);
  return {
    keys,
    close: () => {
      clearInterval(timer);
      if (file !== undefined) unwatchFile(file, refresh);
    },
  };
}

/** Only what surely holds nothing of the list. */
function explain(error: unknown): string {
  if (error instanceof ApiKeyListInvalidError || error instanceof SecretError)
    return `the former list stays: ${error.message}`;
  const { name, code } = error as NodeJS.ErrnoException;
  return `the former list stays: ${code ?? name}`;
}
