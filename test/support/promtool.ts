import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';

const RULES = resolve('ops/prometheus/alerts.yaml');

/** The series that the rules use; no rule uses a bucket of a histogram. */
const IN_RULES = /^(audit_query_[a-z_]+(?<!_bucket)|nodejs_eventloop_lag_p99_seconds)\b/;

/** Why tests with Prometheus' own evaluation are skipped; undefined if they run. */
export const NO_PROMTOOL = runPromtool(['--version']).status === 0 ? undefined : 'no promtool on the PATH';

export function runPromtool(args: string[], folder = '.'): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' });
  return { status, output: `${stdout ?? ''}${stderr ?? ''}` };
}

/** The scrapes of one process; each text is repeated for so many minutes. */
export type ScrapeHistory = readonly { text: string; minutes: number }[];

/**
 * Evaluates alert rules with promtool. @returns The alerts that fire at the end of the histories.
 *
 * @param histories By instance.
 */
export function listFiring(histories: Readonly<Record<string, ScrapeHistory>>, alerts: readonly string[]): string[] {
  const series = Object.entries(histories).flatMap(([instance, history]) => toSeries(instance, history));
  const minutes = Math.max(...Object.values(histories).map((history) => sum(history.map((one) => one.minutes))));
  const folder = mkdtempSync(join(tmpdir(), 'audit-query-rules-'));
  try {
    return alerts.filter((alertname) => {
      const test = {
        interval: '1m',
        input_series: series,
        // Expects no alert: promtool prints those that fire.
        alert_rule_test: [{ eval_time: `${minutes - 1}m`, alertname, exp_alerts: [] }],
      };
      writeFileSync(join(folder, 'test.yaml'), stringify({ rule_files: [RULES], tests: [test] }));
      const { status, output } = runPromtool(['test', 'rules', 'test.yaml'], folder);
      if (status !== 0 && !output.includes('alertname:')) throw new Error(output);
      return status !== 0;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The values of an exposition text by series. */
export function readSamples(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]));
}

function toSeries(instance: string, history: ScrapeHistory): { series: string; values: string }[] {
  const scrapes = history.map(({ text, minutes }) => ({ samples: readSamples(text), minutes }));
  const names = new Set(scrapes.flatMap(({ samples }) => [...samples.keys()].filter((name) => IN_RULES.test(name))));
  return [...names].map((name) => ({
    series: name.includes('{') ? name.replace('{', `{instance="${instance}",`) : `${name}{instance="${instance}"}`,
    values: scrapes
      .map(({ samples, minutes }) => {
        const value = samples.get(name);
        // promtool accepts no exponent.
        return `${value === undefined ? '_' : Number(value).toFixed(9)}x${minutes - 1}`;
      })
      .join(' '),
  }));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
