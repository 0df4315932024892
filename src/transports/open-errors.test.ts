// What goes wrong before a port is open: every case has a code, a remedy and, where it helps, an example.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock/clock.ts';
import { attemptOpen } from './open-attempt.ts';
import { PortEvents } from './port-events.ts';
import { openPort, parsePortUrl, TransportError } from './index.ts';

const never = new AbortController().signal;
const failureOf = (run: () => unknown): TransportError => {
  try {
    run();
  } catch (error) {
    if (error instanceof TransportError) return error;
    throw error;
  }
  throw new Error('did not throw');
};

describe('device addresses', () => {
  it('reads the two schemes', () => {
    expect(parsePortUrl('serial:///dev/ttyACM0')).toEqual({
      kind: 'serial',
      path: '/dev/ttyACM0',
      baud: 115_200,
      lowLatency: false,
    });
    expect(parsePortUrl('serial:///dev/my%20line?baud=921600&lowLatency=1')).toEqual({
      kind: 'serial',
      path: '/dev/my line',
      baud: 921_600,
      lowLatency: true,
    });
    expect(parsePortUrl('tcp://twin.lab:7070')).toEqual({ kind: 'tcp', host: 'twin.lab', port: 7070 });
    expect(parsePortUrl('TCP://[::1]:7070/')).toEqual({ kind: 'tcp', host: '::1', port: 7070 });
    expect(openPort('tcp://[::1]:7070').label).toBe('tcp://[::1]:7070');
  });

  it.each([
    '',
    '/dev/ttyACM0',
    'COM3',
    'localhost:7070',
    'serial://dev/ttyACM0',
    'serial://',
    'serial:///',
    'serial:///dev/x?baud=fast',
    'serial:///dev/x?baud=0',
    'serial:///dev/x?bauds=9600',
    'serial:///dev/%zz',
    'serial:///dev/x?lowLatency=yes',
    'tcp://localhost',
    'tcp://:7070',
    'tcp://localhost:0',
    'tcp://localhost:99999',
    'tcp://localhost:7070/path',
    'tcp://localhost:7070?x=1',
    'tcp://localhost:7070#x',
  ])('refuses %j and shows how it is written', (url) => {
    const error = failureOf(() => openPort(url));
    expect(error.code).toBe('bad-url');
    expect(error.remedy).toContain('serial:///dev/');
    expect(error.remedy).toContain('tcp://127.0.0.1:');
    expect(error.retryable).toBe(false);
  });

  it('names a scheme it does not have', () => {
    const error = failureOf(() => openPort('usb://1234:5678'));
    expect(error.code).toBe('unsupported-scheme');
    expect(error.message).toContain('usb://');
    expect(error.remedy).toContain('tcp://127.0.0.1:');
  });

  it('keeps a password out of the message', () => {
    const error = failureOf(() => openPort('tcp://me:secret@host:1'));
    expect(error.code).toBe('bad-url');
    expect(error.message).not.toContain('secret');
  });
});

describe('opening', () => {
  it('reports a refused connection as retryable', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    await expect(openPort(`tcp://127.0.0.1:${port}`).open(never)).rejects.toMatchObject({
      name: 'TransportError',
      code: 'connection-refused',
      retryable: true,
      remedy: expect.stringContaining('thermoloop twin') as string,
    });
  });

  it('reports a missing serial line and a file that is none', async () => {
    await expect(openPort('serial:///dev/no-such-line').open(never)).rejects.toMatchObject({
      code: 'port-not-found',
      retryable: true,
    });
    await expect(openPort('serial:///dev/null').open(never)).rejects.toMatchObject({ code: 'open-failed' });
  });

  const heldLine = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'thermoloop-pty-'));
    const path = join(folder, 'line');
    const socat = spawn('socat', [`pty,raw,echo=0,link=${path}`, '-'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 2));
    const first = openPort(`serial://${path}`);
    await first.open(never);
    await expect(openPort(`serial://${path}`).open(never)).rejects.toMatchObject({
      code: 'port-busy',
      retryable: true,
    });
    await first.close();
    const asked = openPort(`serial://${path}?lowLatency=1`).open(never); // a pty has no latency timer
    await expect(asked).rejects.toMatchObject({
      code: 'open-failed',
      remedy: expect.stringContaining('lowLatency') as string,
    });
    socat.kill();
    await once(socat, 'exit');
    await rm(folder, { recursive: true });
  };
  const heldBy = 'reports a line that another program holds';
  if (spawnSync('socat', ['-V']).error === undefined) it(heldBy, heldLine);
  else it.skip(`${heldBy} (skipped: socat is not installed)`, heldLine);

  it('gives up after its deadline, and cancels with the reason of the signal', async () => {
    let fire = (): void => undefined;
    const clock: Clock = {
      now_ms: () => 0,
      wall_ms: () => 0,
      after: (_delay_ms, callback) => {
        fire = callback;
        return { cancel: () => undefined };
      },
    };
    const attempt = (signal: AbortSignal): { done: Promise<void>; abandoned: () => number } => {
      let abandoned = 0;
      const done = attemptOpen({
        events: new PortEvents(),
        label: 'a line',
        clock,
        timeout_ms: 5_000,
        signal,
        timeoutRemedy: 'knock',
        start: () => new Promise(() => undefined),
        abandon: () => (abandoned += 1),
      });
      return { done, abandoned: () => abandoned };
    };
    const late = attempt(never);
    fire();
    await expect(late.done).rejects.toMatchObject({ code: 'open-timeout', remedy: 'knock', retryable: true });
    expect(late.abandoned()).toBe(1);

    const controller = new AbortController();
    const cancelled = attempt(controller.signal);
    const reason = new Error('service stops');
    controller.abort(reason);
    await expect(cancelled.done).rejects.toBe(reason);
    expect(cancelled.abandoned()).toBe(1);
  });
});
