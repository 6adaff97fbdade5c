/** Good enough where the data is made up. */
export const DEVELOPMENT_HASH_KEY = 'development-only-identifier-hash-key';

/** What is wrong with it, as the end of a sentence that begins with its name; undefined when nothing is. */
export function findHashKeyProblem(value: string, nodeEnv: string): string | undefined {
  if (value.length < 32) return 'must have at least 32 characters';
  if (nodeEnv === 'production' && value === DEVELOPMENT_HASH_KEY) return 'must not be the key that everybody knows';
  return undefined;
}
