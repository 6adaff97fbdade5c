// The API; `azd deploy` applies it with the image that it has just built.
param environmentName string
param location string
param environmentId string
param registryEndpoint string
param image string
param identityId string
param identityClientId string
param keyVaultUrl string

@allowed(['api-key', 'entra'])
@description('How callers are known.')
param authMode string = 'api-key'

@allowed(['basic', 'entra'])
@description('How operators are known.')
param operatorAuth string = 'basic'

@description('With entra: the tenant, the registration of this service, and the roles or scope that let callers and operators in.')
param entraTenantId string = ''
param entraAudience string = ''
param entraRequiredRole string = ''
param entraRequiredScope string = ''
param operatorRequiredRole string = ''

@description('Origins whose scripts may call, with commas between.')
param corsOrigins string = ''

@description('What callers reach the service by, such as https://gateway.example/audit. Empty: the name of the app in its environment.')
param publicBaseUrl string = ''
param environmentDefaultDomain string

@description('Where traces go, by OTLP. Empty: there are none.')
param otlpEndpoint string = ''

param minReplicas int = 1
param maxReplicas int = 5

var appName = 'api'
var ownUrl = 'https://${appName}.${environmentDefaultDomain}'
var port = 3000
var operatorPort = 3001
var shutdownGraceSeconds = 25
// As in worker.bicep, whose scaler looks at the keys.
var keyPrefix = '{audit-query}'

resource api 'Microsoft.App/containerApps@2025-01-01' = {
  name: appName
  location: location
  tags: { 'azd-env-name': environmentName, 'azd-service-name': 'api' }
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    environmentId: environmentId
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: true
        targetPort: port
        transport: 'auto'
        allowInsecure: false
        // Reached as http://api:3001 by the apps of the same environment, and by nobody else.
        additionalPortMappings: [{ external: false, targetPort: operatorPort, exposedPort: operatorPort }]
      }
      registries: [{ server: registryEndpoint, identity: identityId }]
      secrets: [{ name: 'redis-url', keyVaultUrl: '${keyVaultUrl}secrets/redis-url', identity: identityId }]
    }
    template: {
      // Longer than the process takes for itself.
      terminationGracePeriodSeconds: shutdownGraceSeconds + 5
      containers: [
        {
          name: 'api'
          image: image
          resources: { cpu: json('0.5'), memory: '1Gi' }
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
            { name: 'HOST', value: '0.0.0.0' }
            { name: 'PORT', value: string(port) }
            { name: 'OPERATOR_HOST', value: '0.0.0.0' }
            { name: 'OPERATOR_PORT', value: string(operatorPort) }
            { name: 'OPERATOR_AUTH', value: operatorAuth }
            { name: 'OPERATOR_KEYS_SECRET', value: operatorAuth == 'basic' ? 'operator-keys' : '' }
            { name: 'OPERATOR_REQUIRED_ROLE', value: operatorRequiredRole }
            { name: 'AUTH_MODE', value: authMode }
            { name: 'API_KEYS_SECRET', value: authMode == 'api-key' ? 'api-keys' : '' }
            { name: 'ENTRA_TENANT_ID', value: entraTenantId }
            { name: 'ENTRA_AUDIENCE', value: entraAudience }
            { name: 'ENTRA_REQUIRED_ROLE', value: entraRequiredRole }
            { name: 'ENTRA_REQUIRED_SCOPE', value: entraRequiredScope }
            { name: 'CORS_ORIGINS', value: corsOrigins }
            { name: 'PUBLIC_BASE_URL', value: empty(publicBaseUrl) ? ownUrl : publicBaseUrl }
          ]
          probes: [
            { type: 'Startup', httpGet: { path: '/health/live', port: port }, periodSeconds: 3, timeoutSeconds: 3, failureThreshold: 10 }
            { type: 'Liveness', httpGet: { path: '/health/live', port: port }, periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 3 }
            { type: 'Readiness', httpGet: { path: '/health/ready', port: port }, periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 3 }
          ]
        }
      ]
      scale: {
        minReplicas: minReplicas
        maxReplicas: maxReplicas
        // A long poll or an event stream is one for as long as it lasts, and costs next to nothing.
        rules: [{ name: 'requests', http: { metadata: { concurrentRequests: '200' } } }]
      }
    }
  }
}

output API_URL string = ownUrl
