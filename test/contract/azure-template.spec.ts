import { beforeAll, describe, expect, it } from 'vitest';
import { listUnknownNames } from '../support/bicep/list-unknown-names';
import { breakText, readTemplate, readTexts, type Template } from '../support/bicep/read-template';
import { brokenRules, type Rules } from '../support/broken-rules';

// Nobody here can deploy: Bicep's compiler is no package, and its grammar knows no types. What goes wrong between files
// is looked for by these rules, and what must be set because the service depends on it.

interface Infrastructure {
  readonly template: Template;
  readonly texts: ReadonlyMap<string, string>;
}

/** Names of azd itself, beside the outputs of main.bicep. */
const OF_AZD = ['AZURE_ENV_NAME', 'AZURE_LOCATION', 'SERVICE_API_IMAGE_NAME', 'SERVICE_WORKER_IMAGE_NAME'];

/** learn.microsoft.com, "Azure built-in roles": AcrPull; Key Vault Secrets User, and Officer; Storage Table Data Reader; App Configuration Data Reader. */
const ROLES = [
  '7f951dda-4ed3-4680-a7ca-43fe172d538d on registry to pullerId',
  '4633458b-17de-408a-b874-0445c86b69e6 on vault to readerId',
  'b86a8fe4-44ce-4948-aee5-eccb2c155cd7 on vault to writerId',
  '76199698-9eea-4c19-bc75-cec21354c6b6 on account to readerId',
  '516239f1-63e1-4d78-a4de-a74fb236a071 on store to readerId',
];

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** A key of this service, of storage and Redis, a connection string, a private key. */
const SECRET = /aq_[\w-]{43}|[A-Za-z0-9+/]{43}=|AccountKey=(?!\$\{)|rediss?:\/\/:(?!\$\{)|-----BEGIN/;

const file = ({ template }: Infrastructure, path: string) => {
  const found = template.get(path);
  if (found === undefined) throw new Error(`there is no infra/${path}.bicep`);
  return found;
};
const bodyOf = <T>(infrastructure: Infrastructure, path: string, name: string) =>
  file(infrastructure, path).resources.get(name)?.body as T;

/** `${NAME}` or `${NAME=default}` of a file of parameters, by parameter. */
function readParameters(text: string): Map<string, { variable: string; hasDefault: boolean }> {
  const { parameters } = JSON.parse(text) as { parameters: Record<string, { value: string }> };
  return new Map(
    Object.entries(parameters).map(([name, { value }]) => {
      const [, variable = '', fallback] = /^\$\{([A-Z_]+)(=.*)?\}$/.exec(value) ?? [];
      return [name, { variable, hasDefault: fallback !== undefined }];
    }),
  );
}

/** Whether all parameters that are given are there, and all that have no default are given. */
function fits(parameters: ReadonlyMap<string, unknown>, given: Iterable<string>): boolean {
  const names = new Set(given);
  const required = [...parameters].filter(([, fallback]) => fallback === undefined).map(([name]) => name);
  return required.every((name) => names.has(name)) && [...names].every((name) => parameters.has(name));
}

/** Each assignment of a role: which, on what, to whom. */
function listRoles({ template }: Infrastructure): string[] {
  return [...template.values()].flatMap(({ resources }) =>
    [...resources.values()]
      .filter(({ type }) => type.startsWith('Microsoft.Authorization/roleAssignments@'))
      .map(({ body }) => {
        const text = JSON.stringify(body);
        const [role = ''] = text.match(UUID) ?? [];
        const [, scope = ''] = /"scope":"\[(\w+)\]"/.exec(text) ?? [];
        const [, principal = ''] = /"principalId":"\[(\w+)\]"/.exec(text) ?? [];
        return `${role} on ${scope} to ${principal}`;
      }),
  );
}

const rules: Rules<Infrastructure> = {
  'names nothing that is not declared': ({ template }) =>
    [...template.values()].every(({ root }) => listUnknownNames(root).length === 0),
  'gives every module the parameters that it has': ({ template }) =>
    [...(template.get('main')?.modules.values() ?? [])].every(({ type, body }) => {
      const called = template.get(type.replace(/^\.\/|\.bicep$/g, ''));
      const { params = {} } = body as { params?: object };
      return called !== undefined && fits(called.parameters, Object.keys(params));
    }),
  'takes of every module only what it puts out': (infrastructure) => {
    const { modules, text } = file(infrastructure, 'main');
    return [...text.matchAll(/(\w+)!?\.outputs\.(\w+)/g)].every(([, module = '', output = '']) =>
      infrastructure.template.get(modules.get(module)?.type.replace(/^\.\/|\.bicep$/g, '') ?? '')?.outputs.has(output),
    );
  },
  'gives azd every parameter that it needs, from what there is': (infrastructure) =>
    ['main', 'api', 'worker'].every((path) => {
      const given = readParameters(infrastructure.texts.get(`${path}.parameters.json`) ?? '');
      const known = new Set([...OF_AZD, ...(path === 'main' ? [] : file(infrastructure, 'main').outputs.keys())]);
      return (
        fits(file(infrastructure, path).parameters, given.keys()) &&
        [...given.values()].every(({ variable, hasDefault }) => variable !== '' && (hasDefault || known.has(variable)))
      );
    }),
  'gives five roles, each on one resource': (infrastructure) =>
    listRoles(infrastructure).sort().join() === [...ROLES].sort().join(),
  'asks Redis for TLS, one endpoint, no eviction and a log on disk': (infrastructure) => {
    const { properties } = bodyOf<{ properties: object }>(infrastructure, 'modules/redis', 'database');
    return (
      JSON.stringify(properties) ===
      JSON.stringify({
        ...{ port: 10_000, clientProtocol: 'Encrypted', clusteringPolicy: 'EnterpriseCluster' },
        ...{ evictionPolicy: 'NoEviction', persistence: { aofEnabled: true, aofFrequency: '1s', rdbEnabled: false } },
        accessKeysAuthentication: 'Enabled',
      })
    );
  },
  'takes keys of services only to the vault, and the one of the logs to the logs': ({ template }) =>
    [...template.values()].every(({ text, outputs }) => {
      const lines = text.split('\n').filter((line) => /listKeys\(|listAccountSas|regenerateKey/.test(line));
      return (
        lines.every((line) => /^\s+(value|sharedKey): /.test(line)) && !JSON.stringify([...outputs]).includes('list')
      );
    }) &&
    [...template].every(([path, { text, resources }]) => {
      const secrets = [...resources.values()].filter(({ type }) =>
        type.startsWith('Microsoft.KeyVault/vaults/secrets@'),
      );
      const taken = text.match(/^\s+value: .*listKeys\(/gm)?.length ?? 0;
      return path === 'modules/environment' ? taken === 0 : taken === secrets.length;
    }),
  'lets in by identity, not by keys, where there is a choice': (infrastructure) => {
    const registry = bodyOf<{ properties: { adminUserEnabled: boolean } }>(
      infrastructure,
      'modules/registry',
      'registry',
    );
    const vault = bodyOf<{ properties: { enableRbacAuthorization: boolean } }>(
      infrastructure,
      'modules/vault',
      'vault',
    );
    return (
      !registry.properties.adminUserEnabled &&
      vault.properties.enableRbacAuthorization &&
      file(infrastructure, 'modules/table').text.includes('allowSharedKeyAccess: allowsKeys') &&
      /allowsKeys: !usesIdentity\b/.test(file(infrastructure, 'main').text)
    );
  },
  'encrypts what apps say to each other': (infrastructure) =>
    JSON.stringify(bodyOf(infrastructure, 'modules/environment', 'environment')).includes(
      '"peerTrafficConfiguration":{"encryption":{"enabled":true}}',
    ),
  'writes the setting that the worker looks for': (infrastructure) => {
    const { name, properties } = bodyOf<{ name: string; properties: { contentType: string } }>(
      infrastructure,
      'modules/app-configuration',
      'setting',
    );
    return (
      name === 'storage-account-connection-string$async-http-api' &&
      properties.contentType === 'application/vnd.microsoft.appconfig.keyvaultref+json;charset=utf-8'
    );
  },
  'has no secret in it': ({ texts }) => [...texts.values()].every((text) => !SECRET.test(text)),
};

describe('infra/', () => {
  const texts = readTexts();
  let infrastructure: Infrastructure;
  beforeAll(async () => {
    infrastructure = { texts, template: await readTemplate(texts) };
  });

  it('keeps every rule', () => {
    expect([...texts.keys()].filter((path) => path.endsWith('.bicep')).length).toBeGreaterThan(8);
    expect(brokenRules(rules, infrastructure)).toEqual([]);
  });

  it.each([...texts.keys()].filter((path) => path.endsWith('.bicep')))(
    '%s would be found if it were no Bicep',
    async (path) => {
      await expect(readTemplate(breakText(texts, path, /\}(?=\s*$|\n\n)/, ''))).rejects.toThrow(path);
    },
  );

  const TAKES_KEYS = 'takes keys of services only to the vault, and the one of the logs to the logs';
  const REDIS = 'asks Redis for TLS, one endpoint, no eviction and a log on disk';
  const PARAMETERS = 'gives azd every parameter that it needs, from what there is';
  it.each<[string, string, string | RegExp, string]>([
    ['names nothing that is not declared', 'main.bicep', "'rg-${environmentName}'", "'rg-${enviromentName}'"],
    ['names nothing that is not declared', 'worker.bicep', 'trigger.list', 'triger.list'],
    ['gives every module the parameters that it has', 'main.bicep', 'sku: redisSku', ''],
    ['gives every module the parameters that it has', 'main.bicep', 'sku: redisSku', 'size: redisSku'],
    ['takes of every module only what it puts out', 'main.bicep', 'vault.outputs.url', 'vault.outputs.uri'],
    [PARAMETERS, 'api.parameters.json', '${AUTH_MODE=api-key}', '${AUTH_MODE}'],
    [PARAMETERS, 'api.parameters.json', /\s+"image": \{[^}]*\}\n?[^}]*\},/, ''],
    [PARAMETERS, 'worker.parameters.json', '"redisAddress"', '"redisHost"'],
    [PARAMETERS, 'main.bicep', 'output REDIS_ADDRESS', 'output REDIS_HOST'],
    ['gives five roles, each on one resource', 'modules/table-reader.bicep', '  scope: account\n', ''],
    // Storage Table Data Contributor.
    [
      'gives five roles, each on one resource',
      'modules/table-reader.bicep',
      '76199698-9eea-4c19-bc75-cec21354c6b6',
      '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
    ],
    [REDIS, 'modules/redis.bicep', "'NoEviction'", "'VolatileLRU'"],
    [REDIS, 'modules/redis.bicep', "'EnterpriseCluster'", "'OSSCluster'"],
    [REDIS, 'modules/redis.bicep', "'Encrypted'", "'Plaintext'"],
    [REDIS, 'modules/redis.bicep', 'aofEnabled: true', 'aofEnabled: false'],
    [TAKES_KEYS, 'modules/redis.bicep', /output address.*/, 'output address string = database.listKeys().primaryKey'],
    [TAKES_KEYS, 'modules/environment.bicep', 'location: location', 'location: logs.listKeys().primarySharedKey'],
    [
      TAKES_KEYS,
      'modules/table.bicep',
      'name: tableName',
      'name: tableName\n  tags: {\n    value: account.listKeys().keys[0].value\n  }',
    ],
    [
      'lets in by identity, not by keys, where there is a choice',
      'modules/registry.bicep',
      'UserEnabled: false',
      'UserEnabled: true',
    ],
    ['lets in by identity, not by keys, where there is a choice', 'main.bicep', '!usesIdentity\n', 'true\n'],
    ['encrypts what apps say to each other', 'modules/environment.bicep', 'enabled: true', 'enabled: false'],
    [
      'writes the setting that the worker looks for',
      'modules/app-configuration.bicep',
      "'async-http-api'",
      "'audit-query'",
    ],
    [
      'has no secret in it',
      'api.parameters.json',
      '${AUTH_MODE=api-key}',
      '${AUTH_MODE=aq_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG}',
    ],
    ['has no secret in it', 'modules/redis.bicep', "'rediss://:${", "'rediss://:secret${"],
  ])('that breaks "%s" is found (%s, %s)', async (rule, path, part, replacement) => {
    const broken = breakText(texts, path, part, replacement);
    expect(brokenRules(rules, { texts: broken, template: await readTemplate(broken) })).toEqual([rule]);
  });
});
