// Everything but the two container apps, which `azd deploy` creates from api.bicep and worker.bicep: only then are
// there images to run. No output is a secret.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Names the deployment, and with the subscription and location makes the names of all resources.')
param environmentName string

@description('The region of all resources.')
param location string

@description('Who runs azd: may write the secrets that azd seeds. Empty: nobody.')
param principalId string = ''

@allowed(['identity', 'app-configuration'])
@description('How the worker reaches the table: by its identity, or by the connection string that App Configuration refers to.')
param tableAccess string = 'identity'

@description('An existing storage account that has the audit table. Empty: one is created.')
param tableAccountName string = ''

@description('The resource group of that account.')
param tableAccountResourceGroup string = ''

@description('The audit table.')
param tableName string = 'audit'

@description('Size of Azure Managed Redis.')
param redisSku string = 'Balanced_B1'

@allowed(['Enabled', 'Disabled'])
@description('A second node of Redis. Disabled halves the price, has no SLA, and an outage of the node is one of the service.')
param redisHighAvailability string = 'Enabled'

@allowed(['primary', 'secondary'])
@description('The access key of Redis that is in use; the other one can be made anew meanwhile.')
param redisKey string = 'primary'

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var createsTable = empty(tableAccountName)
var usesIdentity = tableAccess == 'identity'
var tableAccount = createsTable ? 'st${token}' : tableAccountName

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

// Where the account of the table is: here, or where it was before.
resource tableGroup 'Microsoft.Resources/resourceGroups@2024-03-01' existing = {
  name: createsTable ? group.name : tableAccountResourceGroup
}

module identities './modules/identities.bicep' = {
  name: 'identities'
  scope: group
  params: { location: location, tags: tags, token: token }
}

module registry './modules/registry.bicep' = {
  name: 'registry'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'cr${token}'
    pullerIds: [identities.outputs.apiPrincipalId, identities.outputs.workerPrincipalId]
  }
}

module vault './modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'kv-${token}'
    readerIds: [identities.outputs.apiPrincipalId, identities.outputs.workerPrincipalId]
    writerId: principalId
  }
}

module redis './modules/redis.bicep' = {
  name: 'redis'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'redis-${token}'
    sku: redisSku
    highAvailability: redisHighAvailability
    key: redisKey
    vaultName: vault.outputs.name
  }
}

module table './modules/table.bicep' = if (createsTable) {
  name: 'table'
  scope: group
  params: {
    location: location
    tags: tags
    accountName: tableAccount
    tableName: tableName
    allowsKeys: !usesIdentity
  }
}

module tableReader './modules/table-reader.bicep' = if (usesIdentity) {
  name: 'table-reader'
  scope: tableGroup
  params: { accountName: tableAccount, readerId: identities.outputs.workerPrincipalId }
  dependsOn: [table]
}

module appConfiguration './modules/app-configuration.bicep' = if (!usesIdentity) {
  name: 'app-configuration'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'appcs-${token}'
    readerId: identities.outputs.workerPrincipalId
    vaultName: vault.outputs.name
    tableAccountName: tableAccount
    tableAccountResourceGroup: tableGroup.name
  }
  dependsOn: [table]
}

module environment './modules/environment.bicep' = {
  name: 'environment'
  scope: group
  params: { location: location, tags: tags, token: token }
}

output AZURE_RESOURCE_GROUP string = group.name
output AZURE_CONTAINER_REGISTRY_ENDPOINT string = registry.outputs.endpoint
output AZURE_CONTAINER_APPS_ENVIRONMENT_ID string = environment.outputs.id
output AZURE_CONTAINER_APPS_ENVIRONMENT_DEFAULT_DOMAIN string = environment.outputs.defaultDomain
output API_IDENTITY_ID string = identities.outputs.apiId
output API_IDENTITY_CLIENT_ID string = identities.outputs.apiClientId
output WORKER_IDENTITY_ID string = identities.outputs.workerId
output WORKER_IDENTITY_CLIENT_ID string = identities.outputs.workerClientId
output KEY_VAULT_URL string = vault.outputs.url
output REDIS_ADDRESS string = redis.outputs.address
output TABLE_NAME string = tableName
output TABLE_ACCOUNT_URL string = usesIdentity ? 'https://${tableAccount}.table.${az.environment().suffixes.storage}' : ''
output APP_CONFIG_ENDPOINT string = usesIdentity ? '' : appConfiguration!.outputs.endpoint
