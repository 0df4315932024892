// GET /v1/events over a real socket: what is written reaches the client at once, and comes back where it was cut off.
import { request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageName } from '../../../test/support/async-api.ts';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { SseChannel } from './sse.ts';

let service: TestService;
let model: string;
let port: number;
beforeAll(async () => {
  service = await startTestService();
  model = await service.uploadPair();
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  port = (service.app.server.address() as AddressInfo).port;
});
afterAll(() => service.close());

interface Block {
  id?: string;
  event?: string;
  data?: { type: string; topic?: string; seq?: number; data?: { state?: string }; [name: string]: unknown };
}

/** Reads the stream block by block. */
async function open(query = '', headers: Record<string, string> = {}, at = { service, port }) {
  const blocks: Block[] = [];
  const waiting = new Set<() => void>();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { host: '127.0.0.1', port: at.port, path: `/v1/events${query}` };
    request({ ...options, headers: { ...at.service.as.viewer, ...headers } }, resolve)
      .on('error', reject)
      .end();
  });
  const ended = new Promise<void>((resolve) => response.once('close', resolve));
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    const parts = (rest + text).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) blocks.push(blockOf(part));
    for (const look of [...waiting]) look();
  });
  response.on('error', () => undefined);
  const heard = (want: (b: Block) => boolean): Promise<Block> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = blocks.find(want);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { response, blocks, heard, ended, end: () => response.destroy() };
}

function blockOf(text: string): Block {
  const block: Block = {};
  for (const line of text.split('\n')) {
    const [name, value] = [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)];
    if (name === 'data') {
      block.data = JSON.parse(value) as Block['data'];
      messageName('stream', block.data);
    }
    if (name === 'id' || name === 'event') block[name] = value;
  }
  return block;
}

const run = async (): Promise<void> => {
  const sent = await service.call('POST', '/v1/jobs', { role: 'researcher', body: jobBody(model) });
  await service.runner.waitForEnd(sent.json<{ id: string }>().id, 20_000);
};
const ids = (blocks: Block[]): string[] =>
  blocks.filter((b) => b.data?.type === 'event').map((b) => String(b.id));

describe('GET /v1/events', () => {
  it('is not to be stored, transformed or held back, and says hello', async () => {
    const client = await open();
    expect(client.response.statusCode).toBe(200);
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-correlation-id': expect.any(String) as string,
    });
    await client.heard((b) => b.event === 'hello');
    await client.heard((b) => b.event === 'snapshot' && b.data?.topic === 'device.state');
    expect(service.app.liveClients()).toBe(1);
    client.end();
    await client.ended;
    while (service.app.liveClients() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('gives the events of a job as they happen, with ids that rise', async () => {
    const client = await open('?topics=job.*');
    await client.heard((b) => b.event === 'snapshot');
    await run();
    await client.heard((b) => b.event === 'job.state' && b.data?.data?.state === 'succeeded');
    const states = client.blocks.filter((b) => b.event === 'job.state').map((b) => b.data?.data?.state);
    expect(states).toEqual(['queued', 'running', 'succeeded']);
    const epoch = String(client.blocks[0].data?.['epoch']);
    expect(ids(client.blocks).every((id) => id.startsWith(`${epoch}:`))).toBe(true);
    client.end();
  });

  it('continues after Last-Event-ID without gap or repetition; of another epoch it starts over', async () => {
    const witness = await open('?topics=job.*,device.state');
    await witness.heard((b) => b.event === 'snapshot' && b.data?.topic === 'device.state');
    const first = await open('?topics=job.*,device.state');
    const start = await first.heard((b) => b.event === 'snapshot' && b.data?.topic === 'device.state');
    await run();
    await first.heard((b) => b.data?.data?.state === 'succeeded');
    first.end();
    await run();
    const seen = ids(first.blocks);
    const second = await open('?topics=job.*,device.state', {
      'last-event-id': seen.at(-1) ?? String(start.id),
    });
    expect((await second.heard((b) => b.event === 'resumed')).data).toMatchObject({ continues: true });
    await run();
    const total = (blocks: Block[]) => blocks.filter((b) => b.data?.data?.state === 'succeeded').length;
    await second.heard(() => total(second.blocks) === 2);
    await witness.heard(() => total(witness.blocks) === 3);
    const until = ids(second.blocks).at(-1) ?? '';
    const all = ids(witness.blocks);
    expect([...seen, ...ids(second.blocks)]).toEqual(all.slice(0, all.indexOf(until) + 1));
    expect(second.blocks.some((b) => b.event === 'snapshot')).toBe(false);
    second.end();
    witness.end();
    const other = await open('', { 'last-event-id': 'of-another-run:7' });
    expect((await other.heard((b) => b.event === 'resumed')).data).toMatchObject({ reason: 'other-epoch' });
    await other.heard((b) => b.event === 'snapshot');
    other.end();
  });

  it.each([
    ['?topics=everything', {}, 'topics'],
    ['?topics=job.samples', {}, 'topics'],
    ['?topics=', {}, 'topics'],
    [`?topics=${'job.*,'.repeat(200)}`, {}, 'topics'],
    ['?minInterval_ms=-1', {}, 'minInterval_ms'],
    ['?minInterval_ms=many', {}, 'minInterval_ms'],
    [`?device=${'%F0%9F%98%80'.repeat(300)}`, {}, 'device'],
    ['?more=1', {}, 'more'],
    ['', { 'last-event-id': 'no-number' }, 'Last-Event-ID'],
    ['', { 'last-event-id': 'epoch:-1' }, 'Last-Event-ID'],
    ['', { 'last-event-id': `epoch:${'9'.repeat(99)}` }, 'Last-Event-ID'],
  ])('refuses %s %j', async (query, headers, parameter) => {
    const response = await service.call('GET', `/v1/events${query}`, {
      headers: { ...service.as.viewer, ...headers },
    });
    expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([422, 'validation-failed']);
    expect(response.json<{ errors: object[] }>().errors).toMatchObject([{ parameter }]);
  });

  it('has no head without a stream', async () => {
    const response = await service.call('HEAD', '/v1/events', { role: 'viewer' });
    expect([response.statusCode, response.headers['allow']]).toEqual([405, 'GET']);
  });

  it('needs the scope of every topic that is named', async () => {
    const key = await service.addKey('bootstrap', ['device:read']);
    const response = await service.call('GET', '/v1/events?topics=job.*', { headers: key.headers });
    expect([response.statusCode, response.json()]).toMatchObject([403, { requiredScope: 'job:read' }]);
  });

  it('ends with goodbye when the service stops, and does not hold that up', async () => {
    const stopping = await startTestService();
    await stopping.app.listen({ host: '127.0.0.1', port: 0 });
    const at = { service: stopping, port: (stopping.app.server.address() as AddressInfo).port };
    const client = await open('', {}, at);
    await client.heard((b) => b.event === 'hello');
    await Promise.all([stopping.close(), client.ended]);
    expect(client.blocks.at(-1)).toMatchObject({ event: 'goodbye', data: { retryAfter_s: 2 } });
  });
});

describe('an open stream', () => {
  it('is kept open by comments', () => {
    const clock = new VirtualClock();
    const written: string[] = [];
    const response = { write: (text: string) => written.push(text), writableEnded: false, destroyed: false };
    const channel = new SseChannel(response as never, { epoch: 'e', clock });
    clock.step();
    clock.step();
    expect([written, clock.now_ms()]).toEqual([[': heartbeat\n\n', ': heartbeat\n\n'], 30_000]);
    expect(channel).toBeInstanceOf(SseChannel);
  });
});
