import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { load } from 'js-yaml';
import { metricsIn, misused, typesOf } from '../support/ops/dashboards.js';
import { promtool } from '../support/ops/prometheus.js';
import { startServer, type TestServer } from '../support/server.js';

interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: Record<string, string>;
}

const FOLDER = 'grafana/alerts';
const FILES = ['abathur.rules.yml', 'more.rules.yml'];
const rulesOf = (file: string): Rule[] =>
  (load(readFileSync(join(FOLDER, file), 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
    ({ rules }) => rules,
  );
const all = FILES.flatMap(rulesOf);

describe('R-O2 The alert rules', () => {
  it.each(FILES)('in %s are rules to Prometheus', (file) => {
    expect(promtool(['check', 'rules', join(FOLDER, file)])).toMatchObject({ ok: true });
  });

  it.each(['abathur', 'more'])('of %s fire at their numbers, not below, and end', (name) => {
    expect(promtool(['test', 'rules', join(FOLDER, `${name}.rules.test.yml`)])).toMatchObject({ ok: true });
  });

  it.each(['abathur', 'more'])('of %s have each a case in which it fires', (name) => {
    const { tests } = load(readFileSync(join(FOLDER, `${name}.rules.test.yml`), 'utf8')) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: object[] }[] }[];
    };
    const cases = tests.flatMap(({ alert_rule_test: expected }) => expected);
    for (const { alert } of rulesOf(`${name}.rules.yml`)) {
      const own = cases.filter(({ alertname }) => alertname === alert);
      expect([alert, own.some(({ exp_alerts }) => exp_alerts.length > 0)]).toEqual([alert, true]);
      // What always fires is never silent.
      const silent = own.some(({ exp_alerts }) => exp_alerts.length === 0) || alert === 'Watchdog';
      expect([alert, silent]).toEqual([alert, true]);
    }
  });

  it('are the thirteen: five that wake somebody, five warnings, three pieces of news', () => {
    const severities = rulesOf('abathur.rules.yml').map(({ labels }) => labels.severity);
    const times = (severity: string): number => severities.filter((one) => one === severity).length;
    expect([times('critical'), times('warning'), times('info')]).toEqual([5, 5, 3]);
  });

  it('have names of their own', () => {
    expect(new Set(all.map(({ alert }) => alert)).size).toBe(all.length);
  });

  it.each(all.map((rule) => [rule.alert, rule] as const))('%s says what is wrong and where to look', (_, rule) => {
    const { summary, description, runbook_url, dashboard_url } = rule.annotations;
    expect(summary).toMatch(/^[A-Z].*\.$/);
    expect(description).toMatch(/[^ ].*\.$/s);
    const [, page] = /^https:\/\/github\.com\/abathur\/abathur-memory\/blob\/main\/(runbooks\/\S+\.md)$/.exec(
      runbook_url!,
    )!;
    expect([page, existsSync(page!)]).toEqual([page, true]);
    expect(dashboard_url).toMatch(/^\/d\/abathur-(?:database|memory|search|system)$/);
    expect(['critical', 'warning', 'info', 'none']).toContain(rule.labels.severity);
    // The one that always fires compares nothing.
    expect([rule.alert, /[<>]|== 0|^vector\(1\)$/.test(rule.expr)]).toEqual([rule.alert, true]);
  });

  describe('ask for metrics', () => {
    let server: TestServer;
    let types: Map<string, string>;
    beforeAll(async () => {
      server = await startServer();
      // A read in the background of which somebody waits, so that reads are counted.
      await fetch(`${server.url}/v1/memories`);
      types = typesOf(await (await fetch(`${server.url}/metrics`)).text());
    });
    afterAll(() => server.stop());

    it.each(all.map(({ alert, expr }) => [alert, expr] as const))('%s: that there are', (_, expr) => {
      expect(metricsIn(expr).filter((name) => !types.has(name))).toEqual([]);
      expect(misused(expr, types)).toEqual([]);
    });

    it('and promtool has nothing to say of these metrics', async () => {
      const exposition = await (await fetch(`${server.url}/metrics`)).text();
      expect(promtool(['check', 'metrics'], exposition)).toEqual({ ok: true, output: '' });
    });
  });
});

describe('The configuration of Prometheus', () => {
  it('is one that Prometheus takes', () => {
    expect(promtool(['check', 'config', '--syntax-only', 'deploy/prometheus.yml'])).toMatchObject({ ok: true });
  });

  it('names the rules that there are', () => {
    const { rule_files } = load(readFileSync('deploy/prometheus.yml', 'utf8')) as { rule_files: string[] };
    expect(rule_files.map((file) => file.replace('/etc/abathur/', ''))).toEqual(
      FILES.map((file) => join(FOLDER, file)),
    );
    expect(dirname(rule_files[0]!)).toBe('/etc/abathur/grafana/alerts');
  });
});
