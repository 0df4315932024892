// What a serial line does to a host, over a real pty through serialport: pulled while nobody reads, closed with a write
// pending, held by another process, back under another number. Each ends with a named error, and the device is taken up
// again.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { randomImage } from '../../bench/link/images.ts';
import { createTwin, serveTcp, type Twin } from '../../firmware-sim/ports/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { openDevice, type Device } from '../../src/device/index.ts';
import { connect, type Link, type LinkError } from '../../src/link/index.ts';
import { openPort, type PortCloseReason } from '../../src/transports/index.ts';
import { hasSocat, scratch, until } from '../support/processes.ts';
import { PtyCable } from '../support/pty-cable.ts';
import { seededRandom32 } from '../support/seeded-random.ts';

/** An image of 465 kB: more than a tty and socat swallow at once. */
const UNITS = 784;
const CLIENT = 4711;
const closers: (() => unknown)[] = [];
/** What nobody caught: a write cancelled by close() once killed the process. */
const stray: unknown[] = [];
const onStray = (error: unknown): void => void stray.push(error);

beforeEach(() => {
  stray.length = 0;
  process.on('uncaughtException', onStray).on('unhandledRejection', onStray);
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  process.off('uncaughtException', onStray).off('unhandledRejection', onStray);
  expect(stray).toEqual([]);
});

async function twinOnTcp(seed: bigint): Promise<{ twin: Twin; port: number }> {
  const twin = await createTwin({
    units: UNITS,
    threads: 1,
    seed,
    firmwareVersion: 'test',
    clock: systemClock,
  });
  closers.push(() => twin.close());
  const tcp = await serveTcp(twin.controller, { host: '127.0.0.1', port: 0 });
  closers.push(() => tcp.close());
  return { twin, port: tcp.port };
}

async function plug(port: number, path: string): Promise<PtyCable> {
  const cable = await PtyCable.plug(port, path);
  closers.push(() => cable.remove());
  return cable;
}

/** A twin behind a pty named as udev names a board. */
async function boardOnPty(): Promise<{ twin: Twin; port: number; cable: PtyCable; path: string }> {
  const folder = scratch();
  closers.push(folder.close);
  await mkdir(join(folder.path, 'by-id'));
  const path = join(folder.path, 'by-id', 'usb-thermoloop_board-if00');
  const { twin, port } = await twinOnTcp(1n);
  return { twin, port, path, cable: await plug(port, path) };
}

async function link(path: string, expectUid?: string): Promise<Link> {
  const made = await connect({
    port: openPort(`serial://${path}?baud=921600`),
    clock: systemClock,
    random32: seededRandom32(1),
    clientId: CLIENT,
    hostVersion: 'test',
    expectUid,
  });
  closers.push(() => made.close());
  return made;
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  );

function device(path: string): Device {
  const made = openDevice({ id: 'chip-0', url: `serial://${path}?baud=921600`, hostVersion: 'test' });
  closers.push(() => made.close());
  made.start();
  return made;
}

function serialLines(): void {
  it('notices that a line was unplugged while nobody above reads it and nothing is sent, and works once it is back', async () => {
    const { port, path, cable } = await boardOnPty();
    const alone = openPort(`serial://${path}`); // without a listener for data
    const closes: PortCloseReason[] = [];
    alone.onClosed((why) => closes.push(why));
    await alone.open(new AbortController().signal);
    await cable.unplug();
    await until(() => closes.length > 0, 10, 'the port tells that the line went away');
    expect(alone.write(Uint8Array.of(0))).toBe(false);
    await alone.close();
    expect(closes.map(({ code }) => code)).toEqual(['disconnected']);

    const again = await plug(port, path);
    const idle = await link(path);
    const lost = new Promise<LinkError>((resolve) => idle.onClosed(resolve));
    await again.unplug();
    expect(await lost).toMatchObject({ code: 'link-lost', retryable: true });
    expect(await failure(idle.ping())).toMatchObject({ code: 'link-lost', outcome: 'not_applied' });

    await plug(port, path);
    expect(await (await link(path)).ping()).toBeGreaterThanOrEqual(0);
  });

  it('closes with a write pending: the load is cancelled by name, and the next session sends only what is missing', async () => {
    const { path, cable } = await boardOnPty();
    const image = randomImage(UNITS, 5);
    const first = await link(path);
    let frozenAt = 0;
    const load = failure(
      first.load(image, {
        kind: 'program',
        units: UNITS,
        onProgress: (received) => {
          if (received < image.length / 4 || frozenAt > 0) return;
          frozenAt = received;
          cable.freeze();
        },
      }),
    );
    await until(() => frozenAt > 0 && first.counters().queuedBytes > 0, 20, 'bytes wait in the port');
    await first.close();
    expect(await load).toMatchObject({ name: 'LinkError', code: 'cancelled' });

    cable.thaw();
    const second = await link(path);
    const outcome = await second.load(image, { kind: 'program', units: UNITS });
    expect(outcome.sentBytes).toBeGreaterThan(0);
    expect(outcome.sentBytes).toBeLessThanOrEqual(image.length - frozenAt);
    expect((await second.load(image, { kind: 'program', units: UNITS })).skipped).toBe(true);
  });

  it('names a port that another process holds, and comes in once that one has ended', async () => {
    const { path } = await boardOnPty();
    const transports = new URL('../../src/transports/index.ts', import.meta.url).href;
    const script = `
      import { openPort } from ${JSON.stringify(transports)};
      await openPort(${JSON.stringify(`serial://${path}`)}).open(new AbortController().signal);
      console.log('held');
      setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    closers.push(() => holder.kill('SIGKILL'));
    await once(holder.stdout, 'data');
    expect(await failure(link(path))).toMatchObject({
      code: 'port-busy',
      retryable: true,
      remedy: expect.stringContaining('Another program') as string,
    });
    const waiting = device(path);
    await until(() => waiting.reason?.code === 'port-busy', 10, 'the device says that its port is busy');
    expect(waiting.state).not.toBe('refused');
    const ended = once(holder, 'exit');
    holder.kill('SIGKILL');
    await ended;
    await waiting.whenReady(20_000);
  });

  it('finds a device that came back under another number by its name, and tells it from another one by its uid', async () => {
    const { twin, port, path, cable } = await boardOnPty();
    const board = device(path);
    await board.whenReady(20_000);
    const { uid, bootId } = board.identity ?? {};
    expect(uid).toBe(twin.uid);
    // Re-enumerated while the host still holds the old number: udev turns the name to the new one.
    const renamed = await plug(port, path);
    expect(renamed.device).not.toBe(cable.device);
    await cable.unplug();
    await until(() => board.counters().connects > 1 && board.state === 'ready', 20, 'the device is back');
    expect(board.identity).toMatchObject({ uid, bootId });
    await board.close();

    const other = await twinOnTcp(2n);
    await renamed.unplug();
    await plug(other.port, path);
    expect(await failure(link(path, uid))).toMatchObject({ code: 'wrong-device', retryable: false });
    expect((await link(path, other.twin.uid)).identity.uid).toBe(other.twin.uid);
  });
}

if (hasSocat) describe('a serial line', serialLines);
else describe.skip('a serial line (skipped: socat is not installed, apt-get install socat)', serialLines);
