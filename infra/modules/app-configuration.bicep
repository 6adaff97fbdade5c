// The way of the Durable Functions service: a setting that refers to the connection string in the vault.
param location string
param tags object
param name string
param readerId string
param vaultName string
param tableAccountName string
param tableAccountResourceGroup string

var appConfigurationDataReader = '516239f1-63e1-4d78-a4de-a74fb236a071'
var settingName = 'storage-account-connection-string'
var settingLabel = 'async-http-api'

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: tableAccountName
  scope: resourceGroup(tableAccountResourceGroup)
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource connectionString 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: vault
  name: settingName
  properties: {
    value: 'DefaultEndpointsProtocol=https;AccountName=${tableAccountName};AccountKey=${account.listKeys().keys[0].value};EndpointSuffix=${az.environment().suffixes.storage}'
  }
}

resource store 'Microsoft.AppConfiguration/configurationStores@2024-05-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'standard' }
  // The deployment writes the setting below as whoever manages the store; the worker reads it by its role.
  properties: { disableLocalAuth: false }
}

// Without a version: the newest one, so that a rotation changes the secret alone.
resource setting 'Microsoft.AppConfiguration/configurationStores/keyValues@2024-05-01' = {
  parent: store
  name: '${settingName}$${settingLabel}'
  properties: {
    value: string({ uri: '${vault.properties.vaultUri}secrets/${connectionString.name}' })
    contentType: 'application/vnd.microsoft.appconfig.keyvaultref+json;charset=utf-8'
  }
}

resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(store.id, readerId, appConfigurationDataReader)
  scope: store
  properties: {
    principalId: readerId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', appConfigurationDataReader)
  }
}

output endpoint string = store.properties.endpoint
