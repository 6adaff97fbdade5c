import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FAILURE_CODES } from '#shared/contract/error-codes';
import { NO_PROMTOOL, runPromtool } from '../support/promtool';

interface Rule {
  alert: string;
  annotations: { runbook: string };
}

interface RuleTest {
  alert_rule_test: { alertname: string; exp_alerts: object[] }[];
}

const { groups } = parse(readFileSync('ops/prometheus/alerts.yaml', 'utf8')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const { tests } = parse(readFileSync('ops/prometheus/alerts.test.yaml', 'utf8')) as { tests: RuleTest[] };

describe('the alert rules', () => {
  it.each(rules.map(({ alert }) => alert))('%s is shown to fire, and not to fire', (alert) => {
    const cases = tests.flatMap((test) => test.alert_rule_test).filter(({ alertname }) => alertname === alert);
    expect(cases.some(({ exp_alerts: expected }) => expected.length > 0)).toBe(true);
    expect(cases.some(({ exp_alerts: expected }) => expected.length === 0)).toBe(true);
  });

  it('have a chapter of the runbook each, which has no other', () => {
    const chapters = [...readFileSync('docs/runbook.md', 'utf8').matchAll(/^## (AuditQuery\w+)$/gm)];
    const anchors = chapters.map(([, name = '']) => `docs/runbook.md#${name.toLowerCase()}`);
    expect(rules.map(({ annotations }) => annotations.runbook).sort()).toEqual(anchors.sort());
  });
});

describe('the runbook', () => {
  const runbook = readFileSync('docs/runbook.md', 'utf8');

  it('has a row for each alert in its first table', () => {
    const [head = ''] = runbook.split(/^## /m);
    const listed = [...head.matchAll(/^\| \[(\w+)\]\(#(\w+)\)/gm)].map(([, alert, anchor]) => [alert, anchor]);
    expect(listed).toEqual(rules.map(({ alert }) => [alert, alert.toLowerCase()]));
  });

  it('has a cause and an action for each code of a failed query', () => {
    const chapter = runbook.split(/^## /m).find((text) => text.startsWith('AuditQueryFailures\n')) ?? '';
    const listed = [...chapter.matchAll(/^\| `([A-Z_]+)` +\| \S.* \| \S.* \|$/gm)].map(([, code]) => code);
    // Not a failure: the query was Terminated.
    expect(listed.sort()).toEqual(FAILURE_CODES.filter((code) => code !== 'QUERY_TERMINATED').sort());
  });
});

describe.skipIf(NO_PROMTOOL)(`the alert rules in Prometheus${NO_PROMTOOL ? ` (skipped: ${NO_PROMTOOL})` : ''}`, () => {
  it('are valid', () => {
    expect(runPromtool(['check', 'rules', 'alerts.yaml'], 'ops/prometheus')).toMatchObject({ status: 0 });
  });

  it('fire when they should, and not when they should not', () => {
    const { status, output } = runPromtool(['test', 'rules', 'alerts.test.yaml'], 'ops/prometheus');
    expect(status, output).toBe(0);
  });
});
