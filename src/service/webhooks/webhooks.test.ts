// Webhooks end to end: a receiver on loopback, which the operator has allowed, or has not.
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestService, type TestService } from '../../../test/support/test-service.ts';
import { systemClock } from '../../clock/clock.ts';
import { deliverWebhooks } from './deliverer.ts';
import { isPublic, WebhookTargets } from './targets.ts';

const SLOW = { timeout: 20_000 };
let receiver: Server;
let url: string;
let answers: number[];
let got: { headers: IncomingHttpHeaders; body: string; path?: string }[];
let service: TestService;
let ends: (() => Promise<void>)[];

beforeEach(async () => {
  [answers, got, ends] = [[], [], []];
  receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      got.push({ headers: request.headers, body, path: request.url });
      response.writeHead(answers.shift() ?? 204, { location: '/elsewhere' }).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  service = await startTestService({ webhookTargets: new WebhookTargets({ allow: ['127.0.0.0/8'] }) });
});
afterEach(async () => {
  for (const end of ends) await end();
  await service.close();
  receiver.close();
});

const start = (targets = new WebhookTargets({ allow: ['127.0.0.0/8'] })): void => {
  const { store } = service;
  const quick = { lookEvery_ms: 5, firstRetry_ms: 1 };
  const worker = deliverWebhooks({ store, targets, clock: systemClock, ...quick, onLog: () => {} });
  ends.push(() => worker.close());
};
const make = async (body: object = { url }) => {
  const made = await service.call('POST', '/v1/webhooks', { role: 'researcher', body });
  expect([made.statusCode, made.body]).toEqual([201, expect.any(String)]);
  return made.json<{ id: string; secret: string }>();
};
const endCalibration = async (): Promise<void> => {
  const { calibrations } = service.store;
  const { id } = await calibrations.add({ kind: 'noise', device: 'other', options: {} });
  await calibrations.transition(id, 'queued', 'running');
  await calibrations.transition(id, 'running', 'failed');
};
const deliveries = async (id: string) => {
  const page = await service.call('GET', `/v1/webhooks/${id}/deliveries`, { role: 'researcher' });
  return page.json<{ items: { id: string; state: string; attempts: number; lastError: string }[] }>().items;
};

describe('webhooks', () => {
  it('deliver what ended before the worker started, signed, again after a 500, under one id', async () => {
    const { id, secret } = await make();
    await endCalibration();
    answers = [500, 503];
    start();
    await expect.poll(async () => (await deliveries(id))[0]?.state, SLOW).toBe('delivered');
    expect(got).toHaveLength(3);
    const { headers, body } = got[2];
    expect(new Set(got.map((one) => one.headers['thermoloop-delivery'])).size).toBe(1);
    const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['thermoloop-signature'])) ?? [];
    expect(v1).toBe(createHmac('sha256', secret).update(`${t}.${body}`).digest('hex'));
    expect(JSON.parse(body)).toMatchObject({ topic: 'calibration.failed', data: { device: 'other' } });
    expect(await deliveries(id)).toMatchObject([{ attempts: 3, lastError: null }]);
  });

  it('follow no redirect', async () => {
    const { id } = await make();
    await endCalibration();
    answers = [302, 302];
    start();
    await expect.poll(async () => (await deliveries(id))[0]?.state, SLOW).toBe('delivered');
    expect(got.map((one) => one.path)).toEqual(['/hook', '/hook', '/hook']);
  });

  it('do not go where a name has moved since, nor where it never may', async () => {
    const { id } = await make();
    await endCalibration();
    start(new WebhookTargets());
    await expect.poll(async () => (await deliveries(id))[0]?.lastError, SLOW).toContain('https');
    let address = '8.8.8.8';
    const targets = new WebhookTargets({ resolve: async () => [address] });
    expect(await targets.reach('https://x.example/')).toMatchObject({ address, host: 'x.example' });
    address = '169.254.169.254';
    await expect(targets.reach('https://x.example/')).rejects.toMatchObject({
      code: 'webhook-target-refused',
    });
    expect(got).toEqual([]);
  });

  it('stop with their key', async () => {
    const { id, headers } = await service.addKey('researcher');
    const made = await service.call('POST', '/v1/webhooks', { headers, body: { url } });
    const hook = made.json<{ id: string }>().id;
    await endCalibration();
    await service.store.keys.revoke(id);
    start();
    await expect
      .poll(async () => (await service.store.webhooks.find(hook))?.disabledWhy, SLOW)
      .toContain('key');
    expect(got).toEqual([]);
  });

  it('refuse bodies that are none, and show their secret once', async () => {
    const bad = [
      {},
      [],
      { url: 7 },
      { url: 'x' },
      { url: 'ftp://x.example' },
      { url: 'https://u:p@x.example' },
    ];
    const more = [{ url: 'https://10.0.0.1/' }, { url: 'https://[::ffff:a00:1]/' }, { url, topics: [] }];
    for (const body of [
      ...bad,
      ...more,
      { url, topics: ['job.💥'] },
      { url, extra: 1 },
      { url: 'h'.repeat(5000) },
    ]) {
      const answer = await service.call('POST', '/v1/webhooks', { role: 'researcher', body });
      expect([body, answer.statusCode]).toEqual([body, 422]);
    }
    const headers = { ...service.as.researcher, 'idempotency-key': 'k' };
    const ask = () => service.call('POST', '/v1/webhooks', { headers, body: { url } });
    const first = (await ask()).json<{ id: string; secret: string | null }>();
    expect(first.secret).toMatch(/^whsec_/);
    expect((await ask()).json()).toEqual({ ...first, secret: null });
    const shown = await service.call('GET', `/v1/webhooks/${first.id}`, { role: 'researcher' });
    expect(shown.body).not.toContain('whsec_');
  });

  it('know special addresses', () => {
    const special = [
      '127.0.0.1',
      '10.1.2.3',
      '169.254.169.254',
      '172.31.0.1',
      '192.168.0.1',
      '224.0.0.1',
      '0.0.0.0',
    ];
    const special6 = [
      '::1',
      '::',
      'fe80::1',
      'fd00::1',
      'ff02::1',
      '::ffff:7f00:1',
      '64:ff9b::a00:1',
      '2002:7f00:1::',
    ];
    expect([...special, ...special6].filter(isPublic)).toEqual([]);
    expect(['8.8.8.8', '172.32.0.1', '2606:4700::1111'].filter(isPublic)).toHaveLength(3);
  });
});
