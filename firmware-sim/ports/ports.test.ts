// The twin's byte streams: TCP with several connections, a pty by socat, and every way a pty can fail.
import { once } from 'node:events';
import { constants } from 'node:fs';
import { lstat, mkdtemp, open, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReadStream } from 'node:tty';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeFrame, FrameKind, StreamDecoder } from '../../src/link/frame/index.ts';
import { decodeDeviceHello, encodeHostHello, SCHEMA_HASH } from '../../src/link/messages/index.ts';
import type { DeviceHello } from '../../src/link/messages/index.ts';
import { FakeCore, LIMITS } from '../firmware/board.test-support.ts';
import { createController, twinCapabilities } from '../firmware/index.ts';
import type { Controller } from '../firmware/index.ts';
import { servePty, serveTcp, TwinPortError } from './index.ts';

let folder: string;
const endings: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thermoloop-ports-'));
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(() => rm(folder, { recursive: true }));

/** A board on real timers, without physics. */
function board(): Controller {
  let drawn = 0;
  const controller = createController({
    core: new FakeCore(),
    clock: {
      now_ms: () => performance.now(),
      after: (delay_ms, callback) => {
        const timer = setTimeout(callback, delay_ms);
        return { cancel: () => clearTimeout(timer) };
      },
    },
    random32: () => (drawn += 1),
    drawSeed: () => 1n,
    identity: {
      uid: Uint8Array.of(7),
      firmwareVersion: 'test',
      firmwareGit: new Uint8Array(0),
      simulated: true,
    },
    capabilities: twinCapabilities(5),
    limits: LIMITS,
  });
  endings.push(() => controller.close());
  return controller;
}

const hello = (clientId: number): Uint8Array => {
  const limits = { protoMin: 1, protoMax: 1, maxPayload: 4076, rxWindowBytes: 0, fence: 0n };
  const payload = encodeHostHello({
    hostNonce: clientId,
    clientId,
    schemaHash: SCHEMA_HASH,
    hostVersion: '',
    ...limits,
  });
  return encodeFrame({ kind: FrameKind.hello, flags: 0, session: 0, seq: 0, payload });
};

interface Wire {
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  write(bytes: Uint8Array): unknown;
}

/** Says hello over any stream and waits for the answer to this client. */
function greet(stream: Wire, clientId: number): Promise<DeviceHello> {
  return new Promise((resolve) => {
    const decoder = new StreamDecoder({
      role: 'host',
      maxPayload: 4076,
      onResult: (result) => {
        if (result.kind !== 'frame' || result.frame.kind !== FrameKind.hello) return;
        const answer = decodeDeviceHello(result.frame.payload);
        if (answer.ok && answer.value.hostNonce === clientId) resolve(answer.value);
      },
    });
    stream.on('data', (bytes: Buffer) => decoder.push(bytes));
    stream.write(hello(clientId));
  });
}

async function plugInto(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  endings.push(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

describe('serveTcp', () => {
  it('answers on a free port, and the connection that says hello last drives', async () => {
    const tcp = await serveTcp(board(), { host: '127.0.0.1', port: 0 });
    endings.push(() => tcp.close());
    const first = await plugInto(tcp.port);
    expect(await greet(first, 1)).toMatchObject({ simulated: true });
    await plugInto(tcp.port); // says nothing: changes nothing
    const third = await plugInto(tcp.port);
    const ended = once(first, 'end');
    await greet(third, 3);
    await ended;
  });

  it('closes its connections with itself', async () => {
    const tcp = await serveTcp(board(), { host: '127.0.0.1', port: 0 });
    const socket = await plugInto(tcp.port);
    await greet(socket, 1);
    const closed = once(socket, 'close');
    await tcp.close();
    await closed;
  });

  it('says what is wrong with an address', async () => {
    const tcp = await serveTcp(board(), { host: '127.0.0.1', port: 0 });
    endings.push(() => tcp.close());
    await expect(serveTcp(board(), { host: '127.0.0.1', port: tcp.port })).rejects.toMatchObject({
      code: 'address-in-use',
    });
    await expect(serveTcp(board(), { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      code: 'listen-failed',
    });
  });
});

interface Line {
  stream: Wire;
  close: () => Promise<void>;
}

/** Opens a tty as a host does, and closes it as a process that ends does. */
async function openLine(path: string): Promise<Line> {
  const handle = await open(path, constants.O_RDWR | constants.O_NOCTTY);
  const reader = new ReadStream(handle.fd);
  const close = async (): Promise<void> => {
    reader.destroy();
    await handle.close().catch(() => undefined); // the reader closed the descriptor already
  };
  endings.push(close);
  const stream: Wire = {
    on: (event, listener) => reader.on(event, listener),
    write: (bytes) => void handle.write(bytes),
  };
  return { stream, close };
}

describe('servePty', () => {
  it('answers on the line, again after a host has gone, and leaves nothing behind', async () => {
    const path = join(folder, 'line');
    const pty = await servePty(board(), path);
    endings.push(() => pty.close());
    const device = await readlink(path);
    for (const clientId of [1, 2]) {
      const { stream, close } = await openLine(path);
      expect(await greet(stream, clientId)).toMatchObject({ simulated: true });
      await close();
    }
    expect(await readlink(path)).toBe(device);
    await pty.close();
    await expect(lstat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('says how to install socat', async () => {
    const failure = servePty(board(), join(folder, 'none'), { socat: join(folder, 'no-such-socat') });
    await expect(failure).rejects.toMatchObject({
      code: 'socat-missing',
      remedy: expect.stringContaining('apt-get install socat') as string,
    });
  });

  it('passes on why socat made no pty', async () => {
    const failure = servePty(board(), join(folder, 'no-such-folder', 'line'));
    await expect(failure).rejects.toMatchObject({ code: 'pty-failed' });
    await expect(failure).rejects.toThrow(/No such file or directory/);
  });

  it('replaces the link of a killed twin, and nothing else', async () => {
    const path = join(folder, 'taken');
    await writeFile(path, 'mine');
    await expect(servePty(board(), path)).rejects.toMatchObject({ code: 'path-in-use' });
    await rm(path);
    await symlink('/dev/pts/no-such-pty', path);
    const pty = await servePty(board(), path);
    endings.push(() => pty.close());
    await expect(servePty(board(), path)).rejects.toBeInstanceOf(TwinPortError);
    const { stream } = await openLine(path);
    await greet(stream, 1);
  });
});
