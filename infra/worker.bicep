// The worker; `azd deploy` applies it with the image that it has just built.
param environmentName string
param location string
param environmentId string
param registryEndpoint string
param image string
param identityId string
param identityClientId string
param keyVaultUrl string

@description('Host and port of Redis, for the scaler.')
param redisAddress string

@description('The way to the table: the first of the two that is not empty.')
param tableAccountUrl string
param appConfigEndpoint string
param tableName string

@description('Where traces go, by OTLP. Empty: there are none.')
param otlpEndpoint string = ''

param maxReplicas int = 10

@description('Queries that all workers together run at once. 0: as many as they have places for.')
@minValue(0)
param maxRunningQueries int = 0

var healthPort = 3002
var shutdownGraceSeconds = 25
var keyPrefix = '{audit-query}'
var queriesPerWorker = 4

// As many as `queries-active` asks for when no further query may run: more could do nothing.
var usefulReplicas = maxRunningQueries == 0 ? maxReplicas : min(maxReplicas, (maxRunningQueries + queriesPerWorker - 2) / (queriesPerWorker - 1))

// KEDA takes the trigger that asks for most workers, it does not add them up. `active` asks for a spare place beside
// each worker's queries, so that a fleet with no place left grows while queries wait, though they be few. It also keeps
// the worker of a running query, and, since a lost worker's query stays there, wakes one that takes it over. No job is
// ever put off, nor has priority: what is tried again waits for that with its worker. Purges are the workers' too, one at
// a time each.
var triggers = [
  { name: 'queries-waiting', list: 'queries:wait', target: queriesPerWorker }
  { name: 'queries-active', list: 'queries:active', target: queriesPerWorker - 1 }
  { name: 'purges-waiting', list: 'purges:wait', target: queriesPerWorker }
  { name: 'purges-active', list: 'purges:active', target: 1 }
]

resource worker 'Microsoft.App/containerApps@2025-01-01' = {
  name: 'worker'
  location: location
  tags: { 'azd-env-name': environmentName, 'azd-service-name': 'worker' }
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    environmentId: environmentId
    // No ingress: nobody calls a worker but the platform's probes.
    configuration: {
      activeRevisionsMode: 'Single'
      registries: [{ server: registryEndpoint, identity: identityId }]
      secrets: [
        { name: 'redis-url', keyVaultUrl: '${keyVaultUrl}secrets/redis-url', identity: identityId }
        { name: 'redis-password', keyVaultUrl: '${keyVaultUrl}secrets/redis-password', identity: identityId }
      ]
    }
    template: {
      // Longer than the process takes for itself, which is to give its queries back with all that they have read.
      terminationGracePeriodSeconds: shutdownGraceSeconds + 5
      containers: [
        {
          name: 'worker'
          image: image
          resources: { cpu: json('1.0'), memory: '2Gi' }
          env: [
            { name: 'NODE_ENV', value: 'production' }
            { name: 'LOG_FORMAT', value: 'json' }
            { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: otlpEndpoint }
            { name: 'REDIS_URL', secretRef: 'redis-url' }
            // Azure Managed Redis does not tell its policy; modules/redis.bicep sets it.
            { name: 'ASSUME_NOEVICTION', value: 'true' }
            { name: 'KEY_PREFIX', value: keyPrefix }
            { name: 'SHUTDOWN_GRACE_SECONDS', value: string(shutdownGraceSeconds) }
            { name: 'KEY_VAULT_URL', value: keyVaultUrl }
            // Of the two identities, the one that is this app's.
            { name: 'AZURE_CLIENT_ID', value: identityClientId }
            { name: 'AZURE_TOKEN_CREDENTIALS', value: 'ManagedIdentityCredential' }
            { name: 'HEALTH_HOST', value: '0.0.0.0' }
            { name: 'HEALTH_PORT', value: string(healthPort) }
            { name: 'TABLE_ACCOUNT_URL', value: tableAccountUrl }
            { name: 'APP_CONFIG_ENDPOINT', value: appConfigEndpoint }
            { name: 'TABLE_NAME', value: tableName }
            { name: 'QUERIES_PER_WORKER', value: string(queriesPerWorker) }
            { name: 'MAX_RUNNING_QUERIES', value: maxRunningQueries == 0 ? '' : string(maxRunningQueries) }
          ]
          probes: [
            { type: 'Startup', httpGet: { path: '/health/live', port: healthPort }, periodSeconds: 3, timeoutSeconds: 3, failureThreshold: 10 }
            { type: 'Liveness', httpGet: { path: '/health/live', port: healthPort }, periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 3 }
            { type: 'Readiness', httpGet: { path: '/health/ready', port: healthPort }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 }
          ]
        }
      ]
      scale: {
        minReplicas: 0
        maxReplicas: usefulReplicas
        pollingInterval: 15
        cooldownPeriod: 300
        rules: [for trigger in triggers: {
          name: trigger.name
          custom: {
            type: 'redis'
            metadata: {
              address: redisAddress
              enableTLS: 'true'
              listName: '${keyPrefix}:${trigger.list}'
              listLength: string(trigger.target)
            }
            auth: [{ secretRef: 'redis-password', triggerParameter: 'password' }]
          }
        }]
      }
    }
  }
}
