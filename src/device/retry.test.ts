// How long a device that is away waits: its back-off, cut short when its path returns, and no longer than that.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FakeLink } from '../../test/support/fake-link.ts';
import { scratch, until } from '../../test/support/processes.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { TransportError, type Port } from '../transports/index.ts';
import { BACKOFF_FIRST_MS, BACKOFF_JITTER_RATIO } from './connection.ts';
import { Device } from './device.ts';
import { openDevice } from './open-device.ts';
import { Retry, SETTLE_MS } from './retry.ts';

/** A path that returns when the test says so. */
class FakePath {
  watches = 0;
  readonly #callbacks = new Set<() => void>();
  readonly watchForReturn = (callback: () => void): { close(): void } => {
    this.watches += 1;
    this.#callbacks.add(callback);
    return { close: () => void this.#callbacks.delete(callback) };
  };
  get watched(): number {
    return this.#callbacks.size;
  }
  returns(): void {
    for (const callback of [...this.#callbacks]) callback();
  }
}

function bench() {
  const clock = new VirtualClock();
  const path = new FakePath();
  const due: number[] = [];
  const retry = new Retry({ clock, watchForReturn: path.watchForReturn }, () => due.push(clock.now_ms()));
  return { clock, path, due, retry };
}

describe('the wait', () => {
  it('is the back-off where nothing returns, and where nothing tells', async () => {
    const { clock, due, retry } = bench();
    retry.wait(10_000);
    await clock.pass(30_000);
    expect(due).toEqual([10_000]);
    const deaf = new Retry({ clock }, () => due.push(clock.now_ms()));
    deaf.wait(10_000);
    await clock.pass(30_000);
    expect(due).toEqual([10_000, 40_000]);
    deaf.stop();
  });

  it('ends shortly after the path has returned and come to rest, once', async () => {
    const { clock, path, due, retry } = bench();
    retry.wait(10_000);
    await clock.pass(1_000);
    path.returns();
    await clock.pass(SETTLE_MS - 1);
    path.returns();
    await clock.pass(SETTLE_MS - 1);
    expect(due).toEqual([]);
    await clock.pass(20_000);
    expect(due).toEqual([1_000 + SETTLE_MS - 1 + SETTLE_MS]);
  });

  it('is never longer than the back-off, however restless the path', async () => {
    const { clock, path, due, retry } = bench();
    retry.wait(250);
    for (let i = 0; i < 10; i++) {
      path.returns();
      await clock.pass(SETTLE_MS / 2);
    }
    expect(due).toEqual([250]);
  });

  it('remembers what returned during an attempt that then failed, and forgets it after a success', async () => {
    const { clock, path, due, retry } = bench();
    retry.wait(250);
    await clock.pass(250);
    path.returns(); // while the attempt that just came due runs
    await clock.pass(5_000);
    expect(due).toEqual([250]);
    retry.wait(10_000);
    await clock.pass(SETTLE_MS);
    expect(due).toEqual([250, 5_250 + SETTLE_MS]);
    path.returns();
    retry.stop();
    retry.wait(10_000);
    await clock.pass(5_000);
    expect(due).toHaveLength(2);
    expect(path.watches).toBe(2);
  });

  it('leaves nothing behind when it is stopped', async () => {
    const { clock, path, due, retry } = bench();
    retry.wait(10_000);
    path.returns();
    expect(path.watched).toBe(1);
    retry.stop();
    retry.stop();
    expect(path.watched).toBe(0);
    expect(clock.step()).toBe(false);
    expect(due).toEqual([]);
  });
});

const away = (): TransportError =>
  new TransportError('port-not-found', 'there is no such line', { remedy: 'Plug it in.', retryable: true });

describe('a device', () => {
  const board = (answers: (FakeLink | Error)[]) => {
    const clock = new VirtualClock();
    const path = new FakePath();
    const attempts: number[] = [];
    const random32 = seededRandom32(7);
    const openPort = (): Port => ({ label: 'fake' }) as Port;
    const { watchForReturn } = path;
    const options = { id: 'd0', url: 'serial:///dev/x', openPort, watchForReturn, hostVersion: 'test' };
    const device = new Device({ ...options, clock, random32 }, async () => {
      attempts.push(clock.now_ms());
      const answer = answers.shift() ?? away();
      if (answer instanceof FakeLink) return answer;
      throw answer;
    });
    device.start();
    return { clock, path, attempts, device };
  };

  it('is tried as soon as its path returns, goes on with its back-off if that fails, and watches no longer once it is ready', async () => {
    const { clock, path, attempts, device } = board(Array.from({ length: 8 }, away));
    await clock.pass(20_000); // by now 10 s lie between two attempts
    const before = attempts.length;
    path.returns();
    await clock.pass(SETTLE_MS);
    expect(attempts.slice(before)).toEqual([20_000 + SETTLE_MS]);
    expect(device.state).toBe('offline');
    await clock.pass(7_000);
    expect(attempts).toHaveLength(before + 1);
    await clock.pass(6_000);
    expect(attempts).toHaveLength(before + 2);
    expect(path).toMatchObject({ watched: 1, watches: 1 });
    await device.close();
    expect(path.watched).toBe(0);
    path.returns();
    expect(clock.step()).toBe(false);
  });

  it('watches from its loss until it is back', async () => {
    const first = new FakeLink();
    const { clock, path, attempts, device } = board([first, away(), away(), away(), new FakeLink()]);
    await clock.settle(device.whenReady(1_000));
    expect(path.watches).toBe(0);
    first.lose();
    expect(path.watched).toBe(1);
    await clock.pass(2_000);
    expect(attempts).toHaveLength(4);
    path.returns();
    await clock.pass(SETTLE_MS);
    expect(device.state).toBe('ready');
    expect(path).toMatchObject({ watched: 0, watches: 1 });
    await device.close();
  });

  it('behind a serial address is tried when the link of that name is made, directory and all', async () => {
    const folder = scratch();
    const clock = new VirtualClock();
    const name = join(folder.path, 'serial', 'by-id', 'usb-board');
    const random32 = seededRandom32(3);
    const device = openDevice({ id: 'd0', url: `serial://${name}`, hostVersion: 'test', clock, random32 });
    try {
      device.start();
      await until(() => device.reason?.code === 'port-not-found', 10, 'the line is missing');
      const { now_us, nextDue_us: backoff_us } = clock;
      expect(backoff_us - now_us).toBeGreaterThanOrEqual(
        BACKOFF_FIRST_MS * (1 - BACKOFF_JITTER_RATIO) * 1000,
      );
      mkdirSync(join(folder.path, 'serial', 'by-id'), { recursive: true });
      symlinkSync('/dev/null', name);
      await until(() => clock.nextDue_us < backoff_us, 10, 'an attempt is due before the back-off ends');
      clock.step();
      expect(clock.now_us).toBe(SETTLE_MS * 1000);
      expect(device.state).toBe('connecting');
      await until(() => device.reason?.code === 'open-failed', 10, 'what is there now was opened');
    } finally {
      await device.close();
      folder.close();
    }
  });
});
