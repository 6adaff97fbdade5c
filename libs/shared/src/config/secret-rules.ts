/** What is wrong with a secret, as the end of a sentence that begins with its name; undefined when nothing is. */
export type SecretRule = (value: string, nodeEnv: string) => string | undefined;

/** Good enough where the data is made up. */
export const DEVELOPMENT_HASH_KEY = 'development-only-identifier-hash-key';

const SHARED_KEY = /^(?=.*(^|;)\s*AccountName=[^;]+)(?=.*(^|;)\s*AccountKey=[^;]+)|(^|;)\s*UseDevelopmentStorage=true/i;
const PLAIN_HTTP = /(^|;)\s*(DefaultEndpointsProtocol=http\s*(;|$)|TableEndpoint=http:|UseDevelopmentStorage=)/i;

export const findConnectionStringProblem: SecretRule = (value, nodeEnv) => {
  if (!SHARED_KEY.test(value)) return 'must be the connection string of a storage account, with its key';
  if (nodeEnv === 'production' && PLAIN_HTTP.test(value)) return 'must use https when NODE_ENV=production';
  return undefined;
};

export const findHashKeyProblem: SecretRule = (value, nodeEnv) => {
  if (value.length < 32) return 'must have at least 32 characters';
  if (nodeEnv === 'production' && value === DEVELOPMENT_HASH_KEY) return 'must not be the key that everybody knows';
  return undefined;
};
