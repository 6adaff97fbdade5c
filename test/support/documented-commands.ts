import { readFileSync } from 'node:fs';
import { toCommands } from '../../apps/local/src/commands';

/** Where the README has the service, by the default ports. */
export const README_ORIGINS = { callers: 'http://127.0.0.1:3000', operators: 'http://127.0.0.1:3001' };

const { submit, follow, result } = toCommands(README_ORIGINS.callers);

/**
 * The commands that local-start.spec.ts runs as they stand, in the order of the README and in one shell, beside what
 * `npm start` gives; and what each has to print.
 */
export const RUN_AS_THEY_STAND: Readonly<Record<string, RegExp>> = {
  [submit]: /^HTTP\/1\.1 202 Accepted$/m,
  [follow]: /^HTTP\/1\.1 20[02] /m,
  [result]: /^"count":119$/m,
  [`curl -s -X POST ${README_ORIGINS.callers}/api/queries -H 'content-type: application/json' -H 'prefer: wait=20' -H "idempotency-key: $(date +%s)-$$" -d '{"start":"2021-10-10","end":"2021-12-10"}'`]:
    /"status":"Completed".*"count":119/,
  [`curl -s '${README_ORIGINS.callers}/api/queries?status=Completed&pageSize=5'`]: /^\{"items":\[\{"id":"[0-9a-f]{32}"/,
  'npx --no-install audit-query submit 2021-10-10 2021-12-10 --wait': /^119$/m,
  'npx --no-install audit-query submit 2021-10-01 2021-12-10 --max-age 600 --wait': /^\d+$/m,
  'npx --no-install audit-query list --status Completed': /Completed/,
  'id=$(npx --no-install audit-query submit 2021-10-10 2021-12-10)': /^Accepted\. /m,
  'npx --no-install audit-query watch "$id"': /^119$/m,
  [`curl -s '${README_ORIGINS.operators}/operator/queries?status=Completed'`]: /^\{"items":\[\{.*"caller":"anonymous"/,
  [`curl -s ${README_ORIGINS.operators}/operator/workers`]: /"isAlive":true/,
  'npm run api-key -- alice': /"caller": ?"alice"/,
};

/** Why a command is not run so, and the spec that stands in for it. */
interface StandIn {
  readonly why: string;
  readonly spec: string;
}

const ON_AZURE: StandIn = { why: 'takes an Azure subscription', spec: 'test/contract/azure-template.spec.ts' };

export const RUN_OTHERWISE: Readonly<Record<string, StandIn>> = {
  'npm start': { why: 'gives what the others are run beside', spec: 'test/e2e/local-start.spec.ts' },
  'docker compose up --build --scale worker=3': {
    why: 'takes a Docker engine; npm run test:containers reads the same docker-compose.yml and starts it with Podman',
    spec: 'test/containers/composition.spec.ts',
  },
  'azd auth login': ON_AZURE,
  'azd env new audit-query': ON_AZURE,
  'azd up': ON_AZURE,
};

/** Each line of each block of shell commands in the README. */
export function readCommands(): string[] {
  const blocks = readFileSync('README.md', 'utf8').matchAll(/^```(?:sh|bash|shell|console)\n(.*?)^```$/gms);
  return [...blocks].flatMap(([, text = '']) => text.split('\n').filter((line) => line !== ''));
}
