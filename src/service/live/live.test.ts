import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { joinLive, type LiveTestClient } from '../../../test/support/live-client.ts';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';

let service: TestService;
let model: string;
const joined: LiveTestClient[] = [];
beforeAll(async () => {
  service = await startTestService();
  model = await service.uploadPair();
});
afterAll(() => service.close());
afterEach(() => {
  // Whatever a test was about: each message fits the AsyncAPI document.
  for (const client of joined.splice(0)) {
    expect(client.misfits).toEqual([]);
    client.end();
  }
});

async function join(headers: Record<string, string> = service.as.viewer): Promise<LiveTestClient> {
  const client = await joinLive(service, headers);
  joined.push(client);
  return client;
}
const submit = async (role: 'researcher' | 'operator' = 'researcher'): Promise<string> => {
  const sent = await service.call('POST', '/v1/jobs', { role, body: jobBody(model) });
  return sent.json<{ id: string }>().id;
};
const calibrate = () =>
  service.call('POST', '/v1/calibrations', {
    role: 'researcher',
    body: { device: 'chip-0', kind: 'noise-temperature' },
  });

describe('/v1/ws', () => {
  it('needs a key, and an upgrade', async () => {
    await expect(service.app.injectWS('/v1/ws')).rejects.toThrow(/401/);
    const plain = await service.call('GET', '/v1/ws', { role: 'viewer' });
    expect([plain.statusCode, plain.json<{ code: string }>().code]).toEqual([426, 'upgrade-required']);
  });

  it('greets, gives a snapshot, and then every event of a job with its backend', async () => {
    const client = await join();
    const hello = await client.heard((m) => m.type === 'hello');
    expect(hello).toMatchObject({
      protocol: { min: 1, max: 1 },
      resumeWindow_s: 120,
      devices: [{ id: 'chip-0', backend: 'twin', uid: 'cafe' }],
    });
    client.say({ type: 'hello', protocol: 1 });
    client.say({ type: 'subscribe', topics: ['job.*', 'device.state'] });
    const devices = await client.heard((m) => m.type === 'snapshot' && m.topic === 'device.state');
    expect(devices.state).toMatchObject([{ id: 'chip-0', state: 'ready' }]);
    const id = await submit();
    await client.heard((m) => m.topic === 'job.state' && m.data?.state === 'succeeded');
    expect(client.events('job.state').map((m) => m.data?.state)).toEqual(['queued', 'running', 'succeeded']);
    expect(client.events('job.state')[0]).toMatchObject({ device: 'chip-0', backend: 'twin', data: { id } });
    await client.heard((m) => m.topic === 'device.state' && m.data?.state === 'running');
    const numbers = client.events().map((m) => Number(m.seq));
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  it('tells a key of its own jobs only', async () => {
    const other = await service.addKey('researcher');
    const [mine, theirs] = [await join(service.as.researcher), await join(other.headers)];
    for (const client of [mine, theirs]) {
      client.say({ type: 'subscribe', topics: ['job.*', 'calibration.*', 'job.samples'] });
      await client.heard((m) => m.type === 'snapshot' && m.topic === 'job.samples');
    }
    await submit();
    await mine.heard((m) => m.topic === 'job.state' && m.data?.state === 'succeeded');
    await calibrate();
    await theirs.heard((m) => m.topic === 'calibration.state' && m.data?.state === 'succeeded');
    expect(theirs.events().filter((m) => m.topic?.startsWith('job.'))).toEqual([]);
    expect([theirs.frames.length, mine.frames.length]).toEqual([0, 2]);
  });

  it('refuses a topic that the key may not hear, and gives the others', async () => {
    const key = await service.addKey('bootstrap', ['device:read']);
    const client = await join(key.headers);
    client.say({ type: 'subscribe', topics: ['job.*', 'device.state'] });
    await client.heard((m) => m.type === 'snapshot');
    expect(client.messages.filter((m) => m.type !== 'hello')).toMatchObject([
      { type: 'error', code: 'forbidden', topic: 'job.*' },
      { type: 'snapshot', topic: 'device.state' },
    ]);
  });

  it('keeps to the device and the job that a subscription names', async () => {
    const held = service.device;
    held.held = true;
    const first = await submit('operator');
    await held.started();
    const client = await join();
    client.say({ type: 'subscribe', topics: ['job.*'], job: first });
    const snapshot = await client.heard((m) => m.type === 'snapshot');
    expect(snapshot.state).toMatchObject([{ id: first, state: 'running' }]);
    const elsewhere = await join();
    elsewhere.say({
      type: 'subscribe',
      topics: ['job.*', 'device.state', 'calibration.*'],
      device: 'chip-9',
    });
    await elsewhere.heard((m) => m.type === 'snapshot' && m.topic === 'calibration.*');
    const second = await submit('operator');
    held.release();
    await held.started();
    held.held = false;
    held.release();
    const all = await join();
    all.say({ type: 'subscribe', topics: ['job.*'] });
    await service.runner.waitForEnd(second, 20_000);
    await client.heard((m) => m.data?.state === 'succeeded');
    all.say({ type: 'ping', nonce: 'after' });
    await all.heard((m) => m.type === 'pong');
    expect(new Set(client.events('job.state').map((m) => m.data?.id))).toEqual(new Set([first]));
    expect(elsewhere.events()).toEqual([]);
  });

  it('stops at unsubscribe', async () => {
    const client = await join();
    client.say({ type: 'subscribe', topics: ['job.*', 'device.state'] });
    client.say({ type: 'unsubscribe', topics: ['device.state'] });
    client.say({ type: 'ping' });
    await client.heard((m) => m.type === 'pong');
    await submit();
    await client.heard((m) => m.data?.state === 'succeeded');
    expect(client.events('device.state')).toEqual([]);
  });

  it('tells telemetry and link counters to those that ask', async () => {
    const client = await join();
    client.say({ type: 'subscribe', topics: ['telemetry', 'link.stats'] });
    const snapshot = await client.heard((m) => m.type === 'snapshot' && m.topic === 'telemetry');
    expect(snapshot.state).toMatchObject([{ device: 'chip-0', telemetry: { values: {} } }]);
    await client.heard((m) => m.type === 'snapshot' && m.topic === 'link.stats');
    service.device.reads({ dieTemperature_C: 41 });
    const event = await client.heard((m) => m.topic === 'telemetry' && m.type === 'event');
    expect(event).toMatchObject({
      device: 'chip-0',
      backend: 'twin',
      data: { values: { dieTemperature_C: 41 } },
    });
    const stats = await client.heard((m) => m.topic === 'link.stats' && m.type === 'event');
    expect(stats).toMatchObject({ data: { device: 'chip-0', connected: true, damagedFrames: 3 } });
  });

  it('answers ping and bad messages, and goes on', async () => {
    const client = await join();
    const deep = `{"type":${'['.repeat(5_000)}${']'.repeat(5_000)}}`;
    const bad = [
      'not json',
      '',
      'null',
      '[]',
      '{}',
      '"\u{1F600}\\ud800"',
      deep,
      '{"type":"subscribe","topics":["everything"]}',
      '{"type":"subscribe","topics":[]}',
      '{"type":"subscribe","topics":"job.*"}',
      `{"type":"subscribe","topics":["job.*"],"device":"${'x'.repeat(1_000)}"}`,
      '{"type":"subscribe","topics":["job.*"],"minInterval_ms":-1}',
      '{"type":"subscribe","topics":["job.*"],"minInterval_ms":1e300}',
      '{"type":"subscribe","topics":["job.*"],"__proto__":{"x":1},"more":1}',
      '{"type":"resume","epoch":1,"seq":0,"subscriptions":[{"topics":["job.*"]}]}',
      '{"type":"resume","epoch":"a","seq":-1,"subscriptions":[{"topics":["job.*"]}]}',
      '{"type":"resume","epoch":"a","seq":1}',
      '{"type":"ping","nonce":{}}',
      '{"type":"shutdown"}',
    ];
    for (const text of bad) client.say(text);
    client.say(Buffer.from([1, 2, 3]));
    client.say({ type: 'ping', nonce: 7 });
    expect(await client.heard((m) => m.type === 'pong')).toMatchObject({ nonce: 7 });
    const errors = client.messages.filter((m) => m.type === 'error');
    expect(errors).toHaveLength(bad.length + 1);
    for (const error of errors) {
      expect(['validation-failed', 'malformed-json']).toContain(error['code']);
      expect(error['remedy']).not.toBe('');
    }
  });

  it('closes on another protocol, on a message that is too long and on too many at once', async () => {
    const early = await join();
    early.say({ type: 'hello', protocol: 9 });
    expect((await early.closed()).code).toBe(4000);
    const long = await join();
    long.say('x'.repeat(70_000));
    expect((await long.closed()).code).toBe(1009);
    const flood = await join();
    for (let k = 0; k < 2_000; k++) flood.say('{"type":"subscribe","topics":["job.*","calibration.*"]}');
    expect((await flood.closed()).code).toBe(4029);
  });

  it('closes the sockets of a revoked key, and takes scopes away from those of a changed one', async () => {
    const key = await service.addKey('viewer');
    const revoked = await join(key.headers);
    revoked.say({ type: 'subscribe', topics: ['job.*'] });
    await revoked.heard((m) => m.type === 'snapshot');
    await service.call('DELETE', `/v1/keys/${key.id}`, { role: 'admin' });
    expect((await revoked.closed()).code).toBe(4001);
    const old = await service.addKey('viewer', [], Date.now() + 300);
    const expires = await join(old.headers);
    await new Promise((resolve) => setTimeout(resolve, 350));
    await submit();
    expect((await expires.closed()).code).toBe(4001);
  });
});

describe('a service that stops', () => {
  it('says goodbye to every client, with the time to come back', async () => {
    const stopping = await startTestService();
    const client = await joinLive(stopping, stopping.as.viewer);
    await client.heard((m) => m.type === 'hello');
    await stopping.close();
    const { code, reason } = await client.closed();
    expect([code, reason]).toEqual([1001, 'the service is stopping; come back in 2 s']);
    expect(client.messages.at(-1)).toMatchObject({ type: 'goodbye', retryAfter_s: 2 });
    expect(client.misfits).toEqual([]);
  });
});
