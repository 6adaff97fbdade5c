import { readBicep } from './read-bicep';

/** The parts of Microsoft.App/containerApps@2025-01-01 that matter here. */
export interface ContainerApp {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly identity: { readonly userAssignedIdentities: Readonly<Record<string, object>> };
  readonly properties: {
    readonly configuration: {
      readonly ingress?: {
        readonly external: boolean;
        readonly targetPort: number;
        readonly allowInsecure: boolean;
        readonly additionalPortMappings: readonly { external: boolean; targetPort: number; exposedPort: number }[];
      };
      readonly registries: readonly { readonly identity?: string; readonly passwordSecretRef?: string }[];
      readonly secrets: readonly { name: string; keyVaultUrl?: string; identity?: string; value?: string }[];
    };
    readonly template: {
      readonly terminationGracePeriodSeconds: number;
      readonly containers: readonly [Container];
      readonly scale: { minReplicas: number; maxReplicas: number; rules: readonly ScaleRule[] };
    };
  };
}

interface Container {
  readonly env: readonly { name: string; value?: string; secretRef?: string }[];
  readonly probes: readonly { type: string; httpGet: { path: string; port: number } }[];
}

/** KEDA's metadata values are strings: keda.sh, "Redis Lists". */
export interface ScaleRule {
  readonly name: string;
  readonly custom: {
    readonly type: string;
    readonly metadata: Readonly<Record<'address' | 'enableTLS' | 'listName' | 'listLength', string>>;
    readonly auth: readonly { secretRef: string; triggerParameter: string }[];
  };
}

/** What a deployment gives both apps. */
export const DEPLOYED = {
  environmentName: 'test',
  environmentDefaultDomain: 'happyhill-1234.westeurope.azurecontainerapps.io',
  location: 'westeurope',
  identityId: '/identities/own',
  identityClientId: '11111111-1111-4111-8111-111111111111',
  keyVaultUrl: 'https://kv-test.vault.azure.net/',
  redisAddress: 'redis-test.westeurope.redis.azure.net:10000',
  tableAccountUrl: 'https://sttest.table.core.windows.net',
  appConfigEndpoint: '',
  tableName: 'audit',
};

/** The one container app of a file, as these parameters make it. */
export async function readContainerApp(text: string, given: object = {}): Promise<ContainerApp> {
  const { resources } = await readBicep(text, { ...DEPLOYED, ...given });
  const [app] = [...resources.values()].filter(({ type }) => type.startsWith('Microsoft.App/containerApps@'));
  return app?.body as ContainerApp;
}

/** The environment that a container starts with, a secret in it as the vault has it. */
export function toEnvironment({ properties }: ContainerApp, secrets: Record<string, string> = {}) {
  const [{ env }] = properties.template.containers;
  return Object.fromEntries(env.map(({ name, value, secretRef = '' }) => [name, value ?? secrets[secretRef] ?? '']));
}
