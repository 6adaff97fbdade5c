import type { ApiConfig } from '#shared/config/api-config';
import { ConfigInvalidError } from '#shared/config/parse-config';
import { ApiKeyListInvalidError, type ApiKeys } from './api-keys';
import { type ListPlace, toListSource } from './to-list-source';
import { watchApiKeys } from './watch-api-keys';

/**
 * The keys of a configured list, kept up to date until they are closed.
 *
 * @throws ConfigInvalidError when the file of the list cannot be read, or is not valid. A vault is waited for.
 */
export async function openApiKeys(place: ListPlace, config: ApiConfig): Promise<{ keys: ApiKeys; close: () => void }> {
  const source = toListSource(place, config);
  try {
    return await watchApiKeys(source);
  } catch (error) {
    if (error instanceof ApiKeyListInvalidError) {
      throw new ConfigInvalidError(error.problems.map((problem) => `${source.name}: ${problem}`));
    }
    const { code, name } = error as NodeJS.ErrnoException;
    throw new ConfigInvalidError([`${source.name} must be a file that can be read (${code ?? name})`]);
  }
}
