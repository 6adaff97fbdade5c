/** The folders of each app and of the library; a folder imports only what is before it. */
const FOLDERS = {
  'apps/api/src': ['http', 'auth', 'queue', 'telemetry', 'openapi', 'operator|public'],
  'apps/worker/src': ['queries', 'table', 'telemetry', 'tasks', 'lifecycle'],
  'apps/cli/src': ['terminal', 'settings', 'service', 'show', 'commands'],
  'libs/shared/src': ['contract', 'process', 'redis', 'config', 'secrets'],
};

/** Who may import what. Each rule is a sentence of the chapter on the layout in docs/design.md. */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or three.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'apps-apart',
      comment: 'Apps never import each other; what they share is in libs.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'command-line-speaks-http',
      comment:
        'The command line imports of the libraries only what holds for any client: the contract, and its own environment.',
      severity: 'error',
      from: { path: '^apps/cli/' },
      to: {
        path: '^libs/',
        pathNot: '^libs/shared/src/(contract/|(config/(environment|loopback)|process/check-node)\\.ts$)',
      },
    },
    {
      name: 'libs-below-apps',
      comment: 'A library knows nothing of the apps, nor of the tests.',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(apps|test)/' },
    },
    {
      name: 'code-without-tests',
      comment: 'What ships imports nothing from the tests.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^test/' },
    },
    {
      name: 'contract-alone',
      comment: 'The contract imports nothing of ours and does no input or output; decorators alone.',
      severity: 'error',
      from: { path: '^libs/shared/src/contract/', pathNot: '\\.spec\\.ts$' },
      to: { pathNot: '^libs/shared/src/contract/|^node_modules/(class-(validator|transformer)|@nestjs/swagger)/' },
    },
    ...Object.entries(FOLDERS).flatMap(([root, folders]) =>
      folders.slice(0, -1).map((folder, i) => ({
        name: `one-direction: ${root}/${folder}`,
        comment: 'Sibling folders import in one direction, so each can be read without those that come after it.',
        severity: 'error',
        from: { path: `^${root}/(${folder})/`, pathNot: '\\.spec\\.ts$' },
        to: { path: `^${root}/(${folders.slice(i + 1).join('|')})/` },
      })),
    ),
    {
      name: 'algorithm-pure',
      comment:
        'The query runs without Nest, Redis and Azure: it imports the contract, its own parts, a wait for a signal.',
      severity: 'error',
      from: {
        path: '^apps/worker/src/queries/(run-query|day-scan|shared-scans|progress-meter|identifier-[a-z]+)\\.ts$',
      },
      to: {
        pathNot: [
          '^libs/shared/src/contract/',
          '^libs/shared/src/process/retry\\.ts$',
          '^apps/worker/src/queries/(run-query|day-scan|shared-scans|progress-meter|identifier-[a-z]+)\\.ts$',
          '^(node:)?(crypto|events|timers/promises)$',
          '^node_modules/hash-wasm/',
        ],
      },
    },
    {
      name: 'public-and-operator-apart',
      comment: 'What callers reach and what operators reach have nothing of each other.',
      severity: 'error',
      from: { path: '^apps/api/src/(public|operator)/' },
      to: { path: '^apps/api/src/(public|operator)/', pathNot: '^apps/api/src/$1/' },
    },
    {
      name: 'one-file-talks-to-the-table',
      comment: 'The SDK of Azure Table stays in apps/worker/src/table and in the sample data.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '^apps/worker/src/table/|^apps/local/src/|\\.spec\\.ts$' },
      to: { path: '^node_modules/@azure/(data-tables|core-rest-pipeline)/' },
    },
    {
      name: 'one-file-makes-table-clients',
      comment: 'How the worker reaches its table is known by apps/worker/src/table/table-connection.ts alone.',
      severity: 'error',
      from: { path: '^apps/worker/', pathNot: '^apps/worker/src/table/table-connection\\.ts$' },
      to: { path: '^node_modules/@azure/data-tables/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'one-file-reads-the-vault',
      comment: 'The SDK of Key Vault stays in libs/shared/src/secrets/key-vault.ts.',
      severity: 'error',
      from: { path: '^(apps|libs|test)/', pathNot: '^libs/shared/src/secrets/key-vault\\.ts$' },
      to: { path: '^node_modules/@azure/keyvault-' },
    },
    {
      name: 'one-file-reads-app-configuration',
      comment: 'The SDK of App Configuration stays in libs/shared/src/secrets/app-configuration.ts.',
      severity: 'error',
      from: { path: '^(apps|libs|test)/', pathNot: '^libs/shared/src/secrets/app-configuration\\.ts$' },
      to: { path: '^node_modules/@azure/app-configuration/' },
    },
    {
      name: 'one-file-has-an-identity',
      comment: 'Who the process is to Azure is found by libs/shared/src/secrets/azure-credential.ts alone.',
      severity: 'error',
      from: { path: '^(apps|libs|test)/', pathNot: '^libs/shared/src/secrets/azure-credential\\.ts$' },
      to: { path: '^node_modules/@azure/(identity|core-auth|msal-)' },
    },
    {
      name: 'telemetry-at-the-edges',
      comment: 'Spans begin and numbers are counted at the edges; the algorithm and the records know of neither.',
      severity: 'error',
      from: {
        path: '^(apps|libs)/',
        pathNot: [
          '^libs/shared/src/process/',
          '^libs/shared/src/redis/observe-redis\\.ts$',
          '^apps/(api|worker)/src/(metrics|telemetry)/',
          '^apps/api/src/queue/query-queue\\.ts$',
        ],
      },
      to: { path: '^node_modules/(@opentelemetry/|bullmq-otel/|prom-client/)' },
    },
    {
      name: 'one-file-adds-jobs',
      comment: 'Jobs are added by apps/api/src/queue; only there is the queue injected for it.',
      severity: 'error',
      from: { path: '^apps/api/src/(public|operator)/' },
      to: { path: '^node_modules/(bullmq|@nestjs/bullmq)/' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: {
      conditionNames: ['audit-query-source', 'import', 'require', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
};
