import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type WebSocket from 'ws';
import { NO_KEY_LIMITS } from '../../store/index.ts';
import type { Identity } from '../context.ts';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';
import { LiveClient, type Socket } from './client.ts';

let service: TestService;
let model: string;
beforeAll(async () => {
  service = await startTestService();
  model = await service.uploadPair();
});
afterAll(() => service.close());

interface Message {
  type: string;
  topic?: string;
  data?: { id?: string; state?: string };
  state?: { id: string; state: string }[];
  [name: string]: unknown;
}

/** A connected client that keeps what it was told. */
async function join(headers: Record<string, string>) {
  const messages: Message[] = [];
  const waiting: { want: (m: Message) => boolean; done: (m: Message) => void }[] = [];
  let closedWith: number | null = null;
  let onClose = (): void => undefined;
  const socket: WebSocket = await service.app.injectWS(
    '/v1/ws',
    { headers },
    {
      onInit: (ws: WebSocket) => {
        ws.on('message', (data: Buffer) => {
          const message = JSON.parse(data.toString()) as Message;
          messages.push(message);
          for (const waiter of waiting.splice(0))
            if (waiter.want(message)) waiter.done(message);
            else waiting.push(waiter);
        });
        ws.on('close', (code: number) => {
          closedWith = code;
          onClose();
        });
      },
    },
  );
  return {
    messages,
    say: (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    heard: (want: (m: Message) => boolean): Promise<Message> => {
      const already = messages.find(want);
      if (already !== undefined) return Promise.resolve(already);
      return new Promise((done) => waiting.push({ want, done }));
    },
    closed: (): Promise<number> =>
      new Promise((resolve) => {
        onClose = () => resolve(closedWith ?? 0);
        if (closedWith !== null) onClose();
      }),
    end: () => socket.terminate(),
  };
}

describe('/v1/ws', () => {
  it('needs a key, and an upgrade', async () => {
    await expect(service.app.injectWS('/v1/ws')).rejects.toThrow(/401/);
    const plain = await service.call('GET', '/v1/ws', { role: 'viewer' });
    expect([plain.statusCode, plain.json<{ code: string }>().code]).toEqual([426, 'upgrade-required']);
  });

  it('greets, gives a snapshot, and then every event of a job with its backend', async () => {
    const client = await join(service.as.viewer);
    const hello = await client.heard((m) => m.type === 'hello');
    expect(hello).toMatchObject({
      protocol: { min: 1, max: 1 },
      epoch: expect.any(String) as string,
      devices: [{ id: 'chip-0', backend: 'twin', uid: 'cafe' }],
    });
    client.say({ type: 'hello', protocol: 1 });
    client.say({ type: 'subscribe', topics: ['job.*', 'device.state'] });
    const devices = await client.heard((m) => m.type === 'snapshot' && m.topic === 'device.state');
    expect(devices.state).toMatchObject([{ id: 'chip-0', state: 'ready' }]);
    const sent = await service.call('POST', '/v1/jobs', { role: 'researcher', body: jobBody(model) });
    const { id } = sent.json<{ id: string }>();
    await client.heard((m) => m.topic === 'job.state' && m.data?.state === 'succeeded');
    const states = client.messages.filter((m) => m.topic === 'job.state').map((m) => m.data?.state);
    expect(states).toEqual(['queued', 'running', 'succeeded']);
    const event = client.messages.find((m) => m.topic === 'job.state');
    expect(event).toMatchObject({ device: 'chip-0', backend: 'twin', data: { id } });
    await client.heard((m) => m.topic === 'device.state' && m.data?.state === 'running');
    const numbers = client.messages.filter((m) => m.type === 'event').map((m) => Number(m['seq']));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    client.end();
  });

  it('tells a key of its own jobs only', async () => {
    const other = await service.addKey('researcher');
    const [mine, theirs] = [await join(service.as.researcher), await join(other.headers)];
    for (const client of [mine, theirs]) {
      client.say({ type: 'subscribe', topics: ['job.*', 'calibration.*'] });
      await client.heard((m) => m.type === 'snapshot' && m.topic === 'calibration.*');
    }
    await service.call('POST', '/v1/jobs', { role: 'researcher', body: jobBody(model) });
    await mine.heard((m) => m.topic === 'job.state' && m.data?.state === 'succeeded');
    await service.call('POST', '/v1/calibrations', {
      role: 'researcher',
      body: { device: 'chip-0', kind: 'noise-temperature' },
    });
    await theirs.heard((m) => m.topic === 'calibration.state' && m.data?.state === 'succeeded');
    expect(theirs.messages.filter((m) => m.topic?.startsWith('job.') && m.type === 'event')).toEqual([]);
    mine.end();
    theirs.end();
  });

  it('answers ping and bad messages, and goes on', async () => {
    const client = await join(service.as.viewer);
    for (const bad of [
      'not json',
      '{}',
      '{"type":"subscribe","topics":["everything"]}',
      '{"type":"shutdown"}',
    ])
      client.say(bad);
    client.say({ type: 'ping', nonce: 7 });
    expect(await client.heard((m) => m.type === 'pong')).toMatchObject({ nonce: 7 });
    const errors = client.messages.filter((m) => m.type === 'error');
    expect(errors).toHaveLength(4);
    for (const error of errors) expect(error).toMatchObject({ code: 'validation-failed' });
    client.end();
  });

  it('closes on another protocol, on a revoked key and on a message that is too long', async () => {
    const early = await join(service.as.viewer);
    early.say({ type: 'hello', protocol: 9 });
    expect(await early.closed()).toBe(4000);
    const key = await service.addKey('viewer');
    const revoked = await join(key.headers);
    await service.call('DELETE', `/v1/keys/${key.id}`, { role: 'admin' });
    expect(await revoked.closed()).toBe(4001);
    const long = await join(service.as.viewer);
    long.say('x'.repeat(70_000));
    expect(await long.closed()).toBe(1009);
  });
});

describe('a client that reads too slowly', () => {
  const identity: Identity = {
    keyId: 'k',
    role: 'viewer',
    scopes: new Set(),
    limits: NO_KEY_LIMITS,
    expiresAt_ms: null,
  };
  const slowSocket = () => {
    const sent: { type: string; dropped?: number }[] = [];
    const socket = {
      bufferedAmount: 0,
      closedWith: null as number | null,
      terminated: false,
      send: (text: string) => void sent.push(JSON.parse(text) as { type: string }),
      close: (code: number) => void (socket.closedWith = code),
      terminate: () => void (socket.terminated = true),
    };
    return { socket: socket satisfies Socket, sent };
  };

  it('loses progress but no state, is told how much, and is closed with 4008 after 5 s', () => {
    const clock = new VirtualClock();
    const { socket, sent } = slowSocket();
    let slow = 0;
    const client = new LiveClient(socket, identity, clock, () => (slow += 1));
    socket.bufferedAmount = 70_000;
    client.send({ type: 'event', n: 1 }, true);
    client.send({ type: 'event', n: 2 }, true);
    client.send({ type: 'state' });
    expect(sent.map((m) => m.type)).toEqual(['state']);
    socket.bufferedAmount = 0;
    client.send({ type: 'event', n: 3 }, true);
    expect(sent.map((m) => [m.type, m.dropped])).toEqual([
      ['state', undefined],
      ['lagged', 2],
      ['event', undefined],
    ]);
    socket.bufferedAmount = 70_000;
    client.send({ type: 'event' }, true);
    expect(socket.closedWith).toBeNull();
    clock.step();
    expect([clock.now_ms(), socket.closedWith, slow]).toEqual([5_000, 4008, 1]);
    clock.step();
    expect(socket.terminated).toBe(true);
    client.send({ type: 'state' });
    expect(sent).toHaveLength(3);
  });

  it('is closed at once beyond 1 MB', () => {
    const { socket } = slowSocket();
    const client = new LiveClient(socket, identity, new VirtualClock(), () => undefined);
    socket.bufferedAmount = 2 ** 20 + 1;
    client.send({ type: 'state' });
    expect(socket.closedWith).toBe(4008);
  });
});
