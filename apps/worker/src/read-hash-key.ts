import { findHashKeyProblem } from '#shared/config/secret-rules';
import type { WorkerConfig } from '#shared/config/worker-config';
import { toHashKeySource } from '#shared/config/worker-secrets';
import { SecretError, SecretErrorCode } from '#shared/secrets/secret-error';
import type { SecretReader } from '#shared/secrets/secret-reader';

/** The key of the hashes, from where the configuration says, held against its rules. Asks once. @throws SecretError */
export async function readHashKey(config: WorkerConfig, secrets: SecretReader, signal: AbortSignal): Promise<string> {
  const key = await secrets.read(toHashKeySource(config), signal);
  const problem = findHashKeyProblem(key, config.nodeEnv);
  if (problem !== undefined) throw new SecretError(SecretErrorCode.Invalid, `the key of the hashes ${problem}`);
  return key;
}
