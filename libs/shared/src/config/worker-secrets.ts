import type { SecretSource } from '../secrets/secret-source';

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

/** Keys in App Configuration: the first is the Durable Functions service's own, the other one is named after it. */
const SETTINGS = { connectionString: 'storage-account-connection-string', hashKey: 'identifier-hash-key' };

/** The first of the four ways that is configured. */
export function toTableSource(places: SecretPlaces): TableSource {
  const { tableAccountUrl, appConfigEndpoint, keyVaultUrl } = places;
  if (tableAccountUrl !== undefined) return { kind: 'identity', accountUrl: tableAccountUrl };
  if (appConfigEndpoint !== undefined) {
    return { kind: 'app-configuration', endpoint: appConfigEndpoint, key: SETTINGS.connectionString };
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
    return { kind: 'app-configuration', endpoint: appConfigEndpoint, key: SETTINGS.hashKey };
  }
  return { kind: 'plain', value: identifierHashKey };
}
