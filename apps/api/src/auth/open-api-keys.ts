import type { ApiConfig } from '#shared/config/api-config';
import { ConfigInvalidError } from '#shared/config/parse-config';
import { ApiKeyListInvalidError, ApiKeys } from './api-keys';
import { readFile } from 'node:fs/promises';
import { AzureCredential } from '#shared/secrets/azure-credential';
import { KeyVault } from '#shared/secrets/key-vault';
import { unwatchFile, watchFile } from 'node:fs';
import { Logger } from '@nestjs/common';
import { SecretError, SecretErrorCode } from '#shared/secrets/secret-error';
import { untilRead } from '#shared/secrets/until-read';

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

/** One listener's settings for its list of keys: one of the two is configured. */
interface ListPlace {
  /** What the variables of this list begin with. */
  variables: 'API_KEYS' | 'OPERATOR_KEYS';
  file: string | undefined;
  secret: string | undefined;
}

/** Where a list of keys is, and how it is read. */
function toListSource({ variables, file, secret = '' }: ListPlace, config: ApiConfig): ListSource {
  const { keyVaultUrl = '', secretRefreshSeconds: refreshSeconds } = config;
  if (file !== undefined)
    return { name: `${variables}_FILE`, file, refreshSeconds, read: () => readFile(file, 'utf8') };
  const vault = new KeyVault(new AzureCredential(), config.nodeEnv);
  const read = (signal: AbortSignal) => vault.read({ vaultUrl: keyVaultUrl, name: secret }, signal);
  return { name: `${variables}_SECRET`, file, refreshSeconds, read };
}

/** Looked at by its path, so that a file that is replaced, or is a link that is, is seen too. */
const LOOK_EVERY_MS = 1_000;

interface ListSource {
  /** What the list is called in the log. */
  name: string;
  read(signal: AbortSignal): Promise<string>;
  /** Where the list is a file that can be watched. */
  file: string | undefined;
  refreshSeconds: number;
}

/**
 * The keys of a list that is read again now and then, and as soon as its file changes. A list that has become invalid
 * or cannot be read is logged, and the former one stays. A vault is asked in the background until it has a list, since
 * what it lacks may still be mended there, and a process that does not listen meanwhile would be taken for one that
 * hangs; a file is there from the beginning, or never.
 *
 * @throws ApiKeyListInvalidError, or what `read` throws, when a file has no list.
 */
async function watchApiKeys(source: ListSource): Promise<{ keys: ApiKeys; close: () => void }> {
  const logger = new Logger('ApiKeys');
  const keys = new ApiKeys();
  const { name, file } = source;
  const stop = new AbortController();
  const takeOver = async () => keys.replace(await source.read(stop.signal));
  if (file !== undefined) await takeOver();
  else {
    const onFailure = ({ code, message }: SecretError) => logger.error(`${name}: ${code}: ${message}; trying again`);
    untilRead(() => takeOver().catch(throwSecretError), onFailure, stop.signal).catch(() => {
      // Closed before there was one.
    });
  }
  const refresh = () => {
    if (!keys.isKnown) return;
    takeOver().catch((error: unknown) => logger.error(`${name}: the former list stays: ${explain(error)}`));
  };
  const timer = setInterval(refresh, source.refreshSeconds * 1_000).unref();
  if (file !== undefined) watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, refresh);
  return {
    keys,
    close: () => {
      stop.abort();
      clearInterval(timer);
      if (file !== undefined) unwatchFile(file, refresh);
    },
  };
}

function throwSecretError(error: unknown): never {
  throw error instanceof SecretError ? error : new SecretError(SecretErrorCode.Invalid, explain(error));
}

/** Only what surely holds nothing of the list. */
function explain(error: unknown): string {
  if (error instanceof ApiKeyListInvalidError || error instanceof SecretError) return error.message;
  const { name, code } = error as NodeJS.ErrnoException;
  return code ?? name;
}
