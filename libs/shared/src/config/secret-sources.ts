/** Good enough where the data is made up. */
export const DEVELOPMENT_HASH_KEY = 'development-only-identifier-hash-key';

/** What is wrong with it, as the end of a sentence that begins with its name; undefined when nothing is. */
export function findHashKeyProblem(value: string, nodeEnv: string): string | undefined {
  if (value.length < 32) return 'must have at least 32 characters';
  if (nodeEnv === 'production' && value === DEVELOPMENT_HASH_KEY) return 'must not be the key that everybody knows';
  return undefined;
}

/** Where a secret is to be had. */
export type SecretSource =
  /** In the environment. */
  | { readonly kind: 'plain'; readonly value: string }
  | { readonly kind: 'key-vault'; readonly vaultUrl: string; readonly name: string }
  /** Where a setting says. */
  | { readonly kind: 'app-configuration'; readonly endpoint: string; readonly key: string; readonly label: string };

/** Which secret it is, for people; never its value. */
export function describeSource(source: SecretSource): string {
  switch (source.kind) {
    case 'plain':
      return 'the secret in the environment';
    case 'key-vault':
      return `the secret ${source.name} of ${source.vaultUrl}`;
    case 'app-configuration':
      return `the setting ${source.key} (label ${source.label}) of ${source.endpoint}`;
  }
}

/** The members of the worker's configuration that say where its secrets are. */
export interface SecretPlaces {
  tableAccountUrl: string | undefined;
  appConfigEndpoint: string | undefined;
  keyVaultUrl: string | undefined;
  tableConnectionStringSecret: string;
  tableConnectionString: string;
  identifierHashKeySecret: string;
  identifierHashKey: string;
}

/** How the table is reached; `identity` needs no secret. */
export type TableSource = SecretSource | { readonly kind: 'identity'; readonly accountUrl: string };

/** Of the Durable Functions service that this one replaces, so that its settings serve both; the hash key is named after them. */
const SETTINGS = { connectionString: 'storage-account-connection-string', hashKey: 'identifier-hash-key' };
const LABEL = 'async-http-api';

/** The first of the four ways that is configured. */
export function toTableSource(places: SecretPlaces): TableSource {
  const { tableAccountUrl, appConfigEndpoint, keyVaultUrl } = places;
  if (tableAccountUrl !== undefined) return { kind: 'identity', accountUrl: tableAccountUrl };
  if (appConfigEndpoint !== undefined) {
    return { kind: 'app-configuration', endpoint: appConfigEndpoint, key: SETTINGS.connectionString, label: LABEL };
  }
  if (keyVaultUrl !== undefined) {
    return { kind: 'key-vault', vaultUrl: keyVaultUrl, name: places.tableConnectionStringSecret };
  }
  return { kind: 'plain', value: places.tableConnectionString };
}

/** The vault's if there is one, whatever way the table has. */
export function toHashKeySource({
  appConfigEndpoint,
  keyVaultUrl,
  identifierHashKeySecret,
  identifierHashKey,
}: SecretPlaces): SecretSource {
  if (keyVaultUrl !== undefined) return { kind: 'key-vault', vaultUrl: keyVaultUrl, name: identifierHashKeySecret };
  if (appConfigEndpoint !== undefined) {
    return { kind: 'app-configuration', endpoint: appConfigEndpoint, key: SETTINGS.hashKey, label: LABEL };
  }
  return { kind: 'plain', value: identifierHashKey };
}
