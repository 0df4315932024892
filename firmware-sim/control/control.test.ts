// The control channel over real sockets: what it answers, and that nothing that comes in can end it.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { IDEAL_PROFILE } from '../chip/index.ts';
import { ControlError, controlMethod, describeMethods, serveControl } from './index.ts';
import type { ControlConnection, ControlService } from './index.ts';

interface Answer {
  jsonrpc: string;
  id?: unknown;
  result?: unknown;
  method?: string;
  params?: unknown;
  error?: { code: number; message: string; data: { code: string; remedy: string } };
}

let service: ControlService;
let seen: ControlConnection[];
const sockets: Socket[] = [];

beforeEach(async () => {
  seen = [];
  const methods = {
    ...describeMethods({
      uid: '00ff',
      units: 8,
      profile: IDEAL_PROFILE,
      profileDigest: 'abc',
      speed: () => 'max',
      faultsActive: () => [{ kind: 'stuck' }],
    }),
    add: controlMethod({
      params: z.strictObject({ a: z.number(), b: z.number() }),
      handle: ({ a, b }) => Promise.resolve(a + b),
    }),
    echoLater: controlMethod({
      params: z.strictObject({ text: z.string() }),
      handle: async ({ text }, connection) => {
        seen.push(connection);
        connection.notify('said', { text });
        await new Promise((resolve) => setImmediate(resolve));
        return text;
      },
    }),
    refuse: controlMethod({
      params: z.strictObject({}),
      handle: () => {
        throw new ControlError('no-such-unit', 'unit 9 is not there', { remedy: 'Name one below 8.' });
      },
    }),
    crash: controlMethod({
      params: z.strictObject({}),
      handle: () => {
        throw new TypeError('x is not a function');
      },
    }),
  };
  service = await serveControl(methods, { host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await service.close();
});

class Client {
  readonly socket: Socket;
  readonly #lines: AsyncIterator<string>;

  constructor(socket: Socket, lines: Interface) {
    this.socket = socket;
    this.#lines = lines[Symbol.asyncIterator]();
  }

  async line(): Promise<Answer | null> {
    const next = await this.#lines.next();
    return next.done === true ? null : (JSON.parse(next.value) as Answer);
  }

  async ask(text: string): Promise<Answer | null> {
    this.socket.write(`${text}\n`);
    return this.line();
  }

  call(method: string, params?: unknown): Promise<Answer | null> {
    return this.ask(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  }
}

async function client(): Promise<Client> {
  const [host, port] = service.address.split(':');
  const socket = connect(Number(port), host);
  sockets.push(socket);
  socket.on('error', () => undefined);
  const lines = createInterface(socket);
  await once(socket, 'connect');
  return new Client(socket, lines);
}

describe('the control channel', () => {
  it('says what the twin is, and gives its profile', async () => {
    const line = await client();
    expect(await line.call('twin.describe')).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: {
        uid: '00ff',
        simulated: true,
        units: 8,
        profile: { name: 'ideal', digest: 'abc' },
        speed: 'max',
        faultsActive: [{ kind: 'stuck' }],
      },
    });
    expect((await line.call('profile.get'))?.result).toEqual({ digest: 'abc', profile: IDEAL_PROFILE });
  });

  it('answers in order, whatever pieces the bytes come in', async () => {
    const line = await client();
    const requests = [1, 2, 3, 4].map((id) =>
      JSON.stringify({ jsonrpc: '2.0', id, method: 'add', params: { a: id, b: 0.5 } }),
    );
    const bytes = Buffer.from(`${requests.join('\n')}\r\n\n`);
    for (let at = 0; at < bytes.length; at += 7) line.socket.write(bytes.subarray(at, at + 7));
    for (const id of [1, 2, 3, 4]) expect(await line.line()).toMatchObject({ id, result: id + 0.5 });
  });

  it('sends notifications, and takes notifications without an answer', async () => {
    const line = await client();
    line.socket.write('{"jsonrpc":"2.0","method":"echoLater","params":{"text":"a"}}\n');
    line.socket.write('{"jsonrpc":"2.0","method":"no-such-method"}\n');
    expect(await line.line()).toEqual({ jsonrpc: '2.0', method: 'said', params: { text: 'a' } });
    expect(await line.call('add', { a: 1, b: 2 })).toMatchObject({ id: 1, result: 3 });
  });

  it('tells a method when its connection is gone, and forgets what it says then', async () => {
    const line = await client();
    await line.call('echoLater', { text: 'a' });
    const gone = new Promise<void>((resolve) => seen[0].onClosed(resolve));
    line.socket.destroy();
    await gone;
    seen[0].notify('said', { text: 'b' });
    await new Promise<void>((resolve) => seen[0].onClosed(resolve));
  });

  it.each<[string, string, number, string]>([
    ['text that is not JSON', '{"jsonrpc":"2.0",', -32700, 'not-json'],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"add"}]', -32600, 'invalid-request'],
    ['a number', '7', -32600, 'invalid-request'],
    ['another version', '{"jsonrpc":"1.0","id":1,"method":"add"}', -32600, 'invalid-request'],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"add"}', -32600, 'invalid-request'],
    ['an unknown method', '{"jsonrpc":"2.0","id":1,"method":"nope"}', -32601, 'unknown-method'],
    ['a method of all objects', '{"jsonrpc":"2.0","id":1,"method":"toString"}', -32601, 'unknown-method'],
    ['no params', '{"jsonrpc":"2.0","id":1,"method":"add"}', -32602, 'invalid-params'],
    [
      'bad params',
      '{"jsonrpc":"2.0","id":1,"method":"add","params":{"a":"1","b":2}}',
      -32602,
      'invalid-params',
    ],
    ['params in a list', '{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}', -32602, 'invalid-params'],
    [
      'a param too many',
      '{"jsonrpc":"2.0","id":1,"method":"twin.describe","params":{"x":1}}',
      -32602,
      'invalid-params',
    ],
    ['a method that refuses', '{"jsonrpc":"2.0","id":1,"method":"refuse"}', -32000, 'no-such-unit'],
    ['a method that fails', '{"jsonrpc":"2.0","id":1,"method":"crash"}', -32603, 'internal'],
  ])('answers %s with an error, and goes on', async (_, text, rpcCode, code) => {
    const line = await client();
    const answer = await line.ask(text);
    expect(answer?.error).toMatchObject({ code: rpcCode, data: { code } });
    expect(answer?.error?.data.remedy).not.toBe('');
    expect(await line.call('add', { a: 1, b: 2 })).toMatchObject({ result: 3 });
  });

  it('names the parameter, and the methods there are', async () => {
    const line = await client();
    expect((await line.call('add', { a: 1 }))?.error?.message).toMatch(/add: b: /);
    expect((await line.call('nope'))?.error?.data.remedy).toMatch(/add, crash, .*twin\.describe/);
  });

  it('answers bytes that are not UTF-8', async () => {
    const line = await client();
    line.socket.write(Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a]));
    expect((await line.line())?.error).toMatchObject({ code: -32700 });
  });

  it('ends a line that is too long, whether or not it ends', async () => {
    for (const end of ['', '\n']) {
      const line = await client();
      line.socket.write(`"${'x'.repeat(70_000)}"${end}`);
      expect((await line.line())?.error).toMatchObject({ data: { code: 'line-too-long' } });
      expect(await line.line()).toBeNull();
    }
    expect(await (await client()).call('add', { a: 1, b: 2 })).toMatchObject({ result: 3 });
  });

  it('takes a line of the largest size', async () => {
    const line = await client();
    const head = '{"jsonrpc":"2.0","id":1,"method":"add","params":{"a":1,"b":2';
    expect(await line.ask(`${head}${' '.repeat(65_536 - head.length - 2)}}}`)).toMatchObject({ result: 3 });
  });

  it('does not speak with a browser', async () => {
    const line = await client();
    line.socket.write(
      'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n{"jsonrpc":"2.0","id":1,"method":"twin.describe"}\n',
    );
    expect((await line.line())?.error).toMatchObject({ message: 'this is not HTTP' });
    expect(await line.line()).toBeNull();
  });

  it('drops half a line when its sender closes', async () => {
    const line = await client();
    line.socket.end('{"jsonrpc":"2.0","id":1,"method":"twin.desc');
    expect(await line.line()).toBeNull();
    expect(await (await client()).call('add', { a: 1, b: 2 })).toMatchObject({ result: 3 });
  });

  it('takes eight connections, and a ninth when one has gone', async () => {
    const lines = [];
    for (let k = 0; k < 8; k++) {
      lines.push(await client());
      expect(await lines[k].call('add', { a: k, b: 0 })).toMatchObject({ result: k });
    }
    const ninth = await client();
    expect((await ninth.line())?.error?.data).toMatchObject({ code: 'too-many-connections' });
    expect(await ninth.line()).toBeNull();
    expect(await lines[7].call('echoLater', { text: 'a' })).toMatchObject({ method: 'said' });
    const gone = new Promise<void>((resolve) => seen[0].onClosed(resolve));
    lines[7].socket.destroy();
    await gone;
    expect(await (await client()).call('add', { a: 9, b: 0 })).toMatchObject({ result: 9 });
  });

  it.each(['0.0.0.0', '192.168.1.7', '::', 'example.org', '127.0.0.1.example.org'])(
    'does not listen on %s',
    async (host) => {
      await expect(serveControl({}, { host, port: 0 })).rejects.toMatchObject({
        code: 'address-not-local',
        remedy: expect.stringContaining('--control 127.0.0.1:0') as string,
      });
    },
  );

  it('says that a port is taken', async () => {
    const port = Number(service.address.split(':')[1]);
    await expect(serveControl({}, { host: 'localhost', port })).rejects.toMatchObject({
      code: 'listen-failed',
    });
  });
});
