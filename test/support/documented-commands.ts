import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toCommands } from '../../apps/local/src/commands';

/** The addresses of the service in the pages, with the default ports. */
export const DOCUMENTED_ORIGINS = { callers: 'http://127.0.0.1:3000', operators: 'http://127.0.0.1:3001' };

const { callers, operators } = DOCUMENTED_ORIGINS;
const { submit, follow, result } = toCommands(callers);

/**
 * The commands that local-start.spec.ts runs unchanged, in one shell and in the order of the pages, against the service
 * of `npm start`, with the expected output. The key of a script is its first line.
 */
export const RUN_AS_THEY_STAND: Readonly<Record<string, RegExp>> = {
  [submit]: /^HTTP\/1\.1 202 Accepted$/m,
  [follow]: /^HTTP\/1\.1 20[02] /m,
  [result]: /^"count":119$/m,
  'npm run api-key -- reporting': /"caller": ?"reporting"/,
  'npx --no-install audit-query submit 2021-10-10 2021-12-10 --wait': /^119$/m,
  'npx --no-install audit-query submit 2021-10-01 2021-12-10 --max-age 600 --wait': /^\d+$/m,
  'npx --no-install audit-query list --status Completed': /Completed/,
  'id=$(npx --no-install audit-query submit 2021-10-10 2021-12-10)': /^Accepted\. /m,
  'npx --no-install audit-query watch "$id"': /^119$/m,
  [`service=${callers}`]: /"status":"Completed".*"count":119/,
  [`curl -s -X POST ${callers}/api/queries -H 'content-type: application/json' -H 'prefer: wait=20' -H "idempotency-key: $(date +%s)-$$" -d '{"start":"2021-10-10","end":"2021-12-10"}'`]:
    /"status":"Completed".*"count":119/,
  [`curl -s '${callers}/api/queries?status=Completed&pageSize=5'`]: /^\{"items":\[\{"id":"[0-9a-f]{32}"/,
  [`curl -s '${operators}/operator/queries?status=Completed'`]: /^\{"items":\[\{.*"caller":"anonymous"/,
  'npm run api-key -- alice': /"caller": ?"alice"/,
  [`curl -s -u "alice:$OPERATOR_KEY" '${operators}/operator/queries?status=Completed'`]:
    /^\{"items":\[\{.*"caller":"anonymous"/,
  [`curl -s ${operators}/operator/workers`]: /"isAlive":true/,
  [`curl -s '${operators}/operator/audit?stream=failed-logins&count=20'`]: /^\{"items":\[/,
};

/** Why local-start.spec.ts does not run a command, and the spec that covers it. */
interface StandIn {
  readonly why: string;
  readonly spec: string;
}

const ON_AZURE: StandIn = { why: 'needs an Azure subscription', spec: 'test/contract/azure-template.spec.ts' };
const COMPLETION: StandIn = { why: 'belongs in the file of a shell', spec: 'test/integration/command-line.spec.ts' };
const TESTS: StandIn = { why: 'is a test run of its own', spec: 'test/contract/pages.spec.ts' };

export const RUN_OTHERWISE: Readonly<Record<string, StandIn>> = {
  'npm start': { why: 'starts the service that the others need', spec: 'test/e2e/local-start.spec.ts' },
  'docker compose up --build --scale worker=3': {
    why: 'needs a Docker engine; npm run test:containers reads the same docker-compose.yml and starts it with Podman',
    spec: 'test/containers/composition.spec.ts',
  },
  'npm ci': { why: 'npm start runs it', spec: 'test/e2e/local-start.spec.ts' },
  'azd auth login': ON_AZURE,
  'azd env new audit-query': ON_AZURE,
  'azd up': ON_AZURE,
  'azd env set TABLE_ACCOUNT_NAME example': ON_AZURE,
  'azd env set TABLE_ACCOUNT_RESOURCE_GROUP rg-example': ON_AZURE,
  'azd env set TABLE_NAME audit': ON_AZURE,
  'az lock create --name keep --lock-type CanNotDelete --resource-group rg-example --resource-name example \\':
    ON_AZURE,
  'eval "$(audit-query completion bash)"      # in ~/.bashrc': COMPLETION,
  'eval "$(audit-query completion zsh)"       # in ~/.zshrc, after compinit': COMPLETION,
  'audit-query completion fish | source       # in ~/.config/fish/config.fish': COMPLETION,
  'npm run test:faults': TESTS,
  'npm run test:containers': TESTS,
  'npm run bench:scan': TESTS,
  'npm run bench:http': TESTS,
  "curl -s 'https://audit-new.example/api/submit/query?s=10/10/2021&e=10/12/2021'": {
    why: 'calls a service that does not exist',
    spec: 'test/e2e/original-client.spec.ts',
  },
};

/** Pages for users and operators. runbook.spec.ts runs the blocks of the runbook, each during its failure. */
const PAGES = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md') && name !== 'runbook.md')
    .map((name) => join('docs', name))
    .sort(),
];

/** The commands of all shell blocks of the pages: each line, or the whole block if a command spans lines. */
export function readCommands(): string[] {
  return PAGES.flatMap((page) => {
    const blocks = readFileSync(page, 'utf8').matchAll(/^ *```(?:sh|bash|shell|console)\n(.*?)^ *```$/gms);
    return [...blocks].flatMap(([, text = '']) => {
      const isScript = /(?:; do|\\)$/m.test(text);
      return isScript ? [text.trimEnd()] : text.split('\n').flatMap((line) => line.trim() || []);
    });
  });
}

/** The key of a command in the lists above. */
export function readFirstLine(command: string): string {
  return command.split('\n')[0] ?? '';
}
