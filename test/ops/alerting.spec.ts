import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { amtool, pointedAt, startAlertmanager, type Alertmanager } from '../support/ops/alertmanager.js';
import { faster } from '../support/ops/faster.js';
import { startPrometheus, type Prometheus } from '../support/ops/prometheus.js';
import { startReceivers, type Receivers } from '../support/ops/receivers.js';
import { temporaryDirectory } from '../support/server.js';

const CONFIG = 'deploy/alertmanager.yml';

describe('The configuration of Alertmanager', () => {
  it('is one that Alertmanager takes', () => {
    expect(amtool(['check-config', CONFIG])).toMatchObject({ ok: true });
  });

  it.each([
    ['critical', 'pager'],
    ['warning', 'chat-and-mail'],
    ['info', 'news'],
    ['something-new', 'chat-and-mail'],
  ])('sends what is %s to %s (R-O2)', (severity, receiver) => {
    const { answer } = amtool(['config', 'routes', 'test', `--config.file=${CONFIG}`, `severity=${severity}`]);
    expect(answer).toBe(receiver);
  });

  it('holds no secret', () => {
    const text = readFileSync(CONFIG, 'utf8');
    expect(text).not.toMatch(/(_key|_url|password|token): (?!https:\/\/)\S/);
    expect(text.match(/_file: \/etc\/abathur\/alertmanager\//g)).toHaveLength(4);
  });
});

describe('Rules that are sixty times as fast', () => {
  it('wait a sixtieth, and look back no shorter than some scrapes', () => {
    const rules = ['  expr: rate(a[5m]) > 0.2 or rate(b[1h30m]) > 500e6', '  for: 10m', '  for: 0s'].join('\n');
    expect(faster(rules)).toBe(
      ['  expr: rate(a[5000ms]) > 0.2 or rate(b[90000ms]) > 500e6', '  for: 10000ms', '  for: 0ms'].join('\n'),
    );
  });
});

/** From something that is measured to somebody who hears of it: what the live tests of the alerts rely on. */
describe('The way of an alert', () => {
  let values: Record<string, number>;
  let target: Server;
  let receivers: Receivers;
  let alertmanager: Alertmanager;
  let prometheus: Prometheus;

  beforeAll(async () => {
    values = { critical: 0, warning: 0, info: 0 };
    target = createServer((_, response) => {
      const lines = Object.entries(values).map(([severity, value]) => `trouble{severity="${severity}"} ${value}`);
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end(`# TYPE trouble gauge\n${lines.join('\n')}\n`);
    }).listen(0, '127.0.0.1');
    await once(target, 'listening');
    const rules = join(temporaryDirectory(), 'rules.yml');
    writeFileSync(
      rules,
      `groups: [{name: way, rules: [{alert: Trouble, expr: 'trouble > 0', annotations: {summary: Something}}]}]`,
    );
    receivers = await startReceivers();
    alertmanager = await startAlertmanager(pointedAt(readFileSync(CONFIG, 'utf8'), receivers));
    const { port } = target.address() as { port: number };
    prometheus = await startPrometheus({
      targets: { way: [`127.0.0.1:${port}`] },
      rules: [rules],
      alertmanager: alertmanager.address,
    });
  });

  afterAll(async () => {
    await prometheus?.stop();
    await alertmanager?.stop();
    await receivers?.close();
    target?.closeAllConnections();
    target?.close();
  });

  it('leads to the pager and back when it is critical', async () => {
    values['critical'] = 1;
    expect(await prometheus.firing('Trouble')).toMatchObject({ labels: { severity: 'critical' } });
    const page = await receivers.arrived('pagerduty', 'firing', 'Trouble');
    expect(page.body).toMatchObject({
      routing_key: 'made-up',
      event_action: 'trigger',
      payload: { severity: 'critical' },
    });
    const { subject } = await receivers.arrived('opsgenie', 'firing', 'Trouble');
    expect(subject).toBe('POST /opsgenie/v2/alerts');
    values['critical'] = 0;
    await prometheus.quiet('Trouble');
    const end = await receivers.arrived('pagerduty', 'resolved', '');
    expect((end.body as { dedup_key: string }).dedup_key).toBe((page.body as { dedup_key: string }).dedup_key);
    await receivers.arrived('opsgenie', 'resolved', '');
  });

  it('leads to the chat and by mail when it is a warning, and never to the pager', async () => {
    const paged = receivers.notices.length;
    values['warning'] = 1;
    await receivers.arrived('slack', 'firing', 'Trouble');
    await receivers.arrived('mail', 'firing', 'Trouble');
    values['warning'] = 0;
    await receivers.arrived('slack', 'resolved', 'Trouble');
    await receivers.arrived('mail', 'resolved', 'Trouble');
    const since = receivers.notices.slice(paged).map(({ receiver }) => receiver);
    expect(since).not.toContain('pagerduty');
    expect(since).not.toContain('opsgenie');
  });

  it('ends in the chat when it is news, and nobody is told that it is over', async () => {
    const before = receivers.notices.length;
    values['info'] = 1;
    await prometheus.firing('Trouble');
    const since = () => receivers.notices.slice(before);
    await receivers.arrived('slack', 'firing', '"channel":"#abathur"');
    values['info'] = 0;
    await prometheus.quiet('Trouble');
    // Whatever comes after it has passed it by.
    values['warning'] = 1;
    await receivers.arrived('slack', 'firing', 'Trouble');
    expect(since().filter(({ status }) => status === 'resolved')).toEqual([]);
  });
});
