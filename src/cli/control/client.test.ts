// What the client of a control channel says of ports that are something else, and of a twin that goes away.
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createTwin, serveTcp } from '../../../firmware-sim/ports/index.ts';
import { systemClock } from '../../clock/clock.ts';
import { TwinControl } from './client.ts';
import { ControlClientError } from './errors.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endings.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that answers each line with what `answer` makes of the id and the method. */
function answering(answer: (id: number, method: string) => unknown): Promise<string> {
  return listening(
    createServer((socket) => {
      socket.on('data', (bytes) => {
        for (const line of bytes.toString().trim().split('\n')) {
          const { id, method } = JSON.parse(line) as { id: number; method: string };
          const reply = answer(id, method);
          if (reply === null) socket.destroy();
          else if (reply !== undefined) socket.write(`${JSON.stringify(reply)}\n`);
        }
      });
    }),
  );
}
const result = (id: number, value: unknown): object => ({ jsonrpc: '2.0', id, result: value });
const twin = { uid: '00ff', simulated: true, units: 8 };

async function refusal(address: string): Promise<ControlClientError> {
  const error: unknown = await TwinControl.connect(address, 300).then(
    ({ control }) => control.close(),
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(ControlClientError);
  const named = error as ControlClientError;
  expect(named.remedy).not.toBe('');
  return named;
}

describe('a port that is no control channel', () => {
  it('a closed one', async () => {
    const address = await answering(() => undefined);
    await endings.pop()?.();
    expect(await refusal(address)).toMatchObject({
      code: 'control-unreachable',
      message: expect.stringContaining('ECONNREFUSED') as string,
      remedy: expect.stringContaining('thermoloop twin') as string,
    });
  });

  it('the device port of a twin, which goes on to work', async () => {
    const device = await createTwin({ units: 8, threads: 1, firmwareVersion: 'test', clock: systemClock });
    endings.push(() => device.close());
    const port = await serveTcp(device.controller, { host: '127.0.0.1', port: 0 });
    endings.push(() => port.close());
    expect(await refusal(`127.0.0.1:${port.port}`)).toMatchObject({
      code: 'not-a-control-channel',
      message: expect.stringContaining('silent') as string,
      remedy: expect.stringContaining('the port of the device itself') as string,
    });
  });

  it('an HTTP service', async () => {
    const server = createHttpServer((_request, response) => response.end('hello'));
    const { code, message } = await refusal(await listening(server));
    expect(code).toBe('not-a-control-channel');
    expect(message).toContain('speaks HTTP');
  });

  it.each<[string, (id: number) => unknown, string]>([
    ['closes at once', () => null, 'closes the connection'],
    ['says something else', () => ({ hello: 1 }), 'does not speak JSON-RPC'],
    [
      'knows no such method',
      (id) => ({
        jsonrpc: '2.0',
        id,
        error: { message: 'no method', data: { code: 'unknown-method', remedy: '-' } },
      }),
      'no method',
    ],
    ['describes something else', (id) => result(id, { name: 'x' }), 'does not describe a twin'],
  ])('one that %s', async (_name, answer, words) => {
    const { code, message } = await refusal(await answering(answer));
    expect(code).toBe('not-a-control-channel');
    expect(message).toContain(words);
  });

  it('a chip', async () => {
    const error = await refusal(await answering((id) => result(id, { ...twin, simulated: false })));
    expect(error.code).toBe('not-a-twin');
    expect(error.remedy).toContain('a chip cannot be told to fail');
  });

  it('a channel that is full', async () => {
    const full = {
      jsonrpc: '2.0',
      id: null,
      error: { message: '8 connections', data: { code: 'too-many', remedy: 'Close one.' } },
    };
    expect(await refusal(await answering(() => full))).toMatchObject({
      code: 'control-refused',
      reason: 'too-many',
      remedy: 'Close one.',
    });
  });

  it.each([
    ['192.168.1.7:7701', 'not-local'],
    ['example.org:7701', 'not-local'],
    ['tcp://127.0.0.1:7701', 'bad-address'],
    ['127.0.0.1', 'bad-address'],
    ['127.0.0.1:0', 'bad-address'],
    ['127.0.0.1:70000', 'bad-address'],
    ['', 'bad-address'],
  ])('the address "%s"', async (address, code) => {
    expect((await refusal(address)).code).toBe(code);
  });
});

describe('a twin', () => {
  it('that is gone ends what was asked', async () => {
    const address = await answering((id, method) => (method === 'twin.describe' ? result(id, twin) : null));
    const { control } = await TwinControl.connect(address);
    const closed = new Promise<ControlClientError>((resolve) => control.onClosed(resolve));
    await expect(control.call('faults.list')).rejects.toMatchObject({ code: 'control-lost' });
    expect((await closed).code).toBe('control-lost');
    await expect(control.call('faults.list')).rejects.toMatchObject({ code: 'control-lost' });
  });

  it('that freezes is lost, not mistaken for something else', async () => {
    const address = await answering((id, method) =>
      method === 'twin.describe' ? result(id, twin) : undefined,
    );
    const { control } = await TwinControl.connect(address, 300);
    await expect(control.call('faults.list')).rejects.toMatchObject({ code: 'control-lost' });
  });

  it('that sends what nobody can read is let go', async () => {
    const address = await answering((id, method) =>
      method === 'twin.describe' ? result(id, twin) : 'x'.repeat(10),
    );
    const { control } = await TwinControl.connect(address);
    await expect(control.call('faults.list')).rejects.toMatchObject({ code: 'not-a-control-channel' });
  });
});
