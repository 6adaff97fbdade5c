// Azure Managed Redis. Its key goes from here into the vault and nowhere else.
param location string
param tags object
param name string
param sku string
param highAvailability string

@allowed(['primary', 'secondary'])
param key string
param vaultName string

resource cluster 'Microsoft.Cache/redisEnterprise@2025-07-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  properties: {
    highAvailability: highAvailability
    minimumTlsVersion: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' = {
  parent: cluster
  name: 'default'
  properties: {
    port: 10000
    clientProtocol: 'Encrypted'
    // One endpoint, as a single Redis has it: neither the service nor KEDA's scaler `redis` follows a cluster's redirections.
    clusteringPolicy: 'EnterpriseCluster'
    // The default, VolatileLRU, drops the locks of running queries when memory runs short.
    evictionPolicy: 'NoEviction'
    persistence: { aofEnabled: true, aofFrequency: '1s', rdbEnabled: false }
    accessKeysAuthentication: 'Enabled'
  }
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource redisPassword 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: vault
  name: 'redis-password'
  properties: {
    value: key == 'primary' ? database.listKeys().primaryKey : database.listKeys().secondaryKey
  }
}

// rediss: over TLS. The key is base64, whose signs a URL would not keep.
resource redisUrl 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: vault
  name: 'redis-url'
  properties: {
    value: 'rediss://:${uriComponent(key == 'primary' ? database.listKeys().primaryKey : database.listKeys().secondaryKey)}@${cluster.properties.hostName}:${database.properties.port}'
  }
}

output address string = '${cluster.properties.hostName}:${database.properties.port}'
