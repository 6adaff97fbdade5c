import { findHashKeyProblem } from '#shared/config/secret-rules';
import type { WorkerConfig } from '#shared/config/worker-config';
import { toHashKeySource } from '#shared/config/worker-secrets';
import { describeSource } from '#shared/secrets/describe-source';
import { SecretError, SecretErrorCode } from '#shared/secrets/secret-error';
import type { SecretReader } from '#shared/secrets/secret-reader';

/** The key of the hashes, from where the configuration says, held against its rules. Asks once. @throws SecretError */
export async function readHashKey(config: WorkerConfig, secrets: SecretReader, signal: AbortSignal): Promise<string> {
  const source = toHashKeySource(config);
  const key = await secrets.read(source, signal);
  const problem = findHashKeyProblem(key, config.nodeEnv);
  if (problem !== undefined) throw new SecretError(SecretErrorCode.Invalid, `${describeSource(source)} ${problem}`);
  return key;
}
