// Two clocks in lock-step over a real control channel, with a line between them whose bytes take real time: no timer is
// early, no byte arrives before it was sent, and a side that is gone is left behind.
import { afterEach, describe, expect, it } from 'vitest';
import type { Attachment, ByteSink, Controller } from '../../../firmware-sim/firmware/index.ts';
import { IDEAL_PROFILE } from '../../../firmware-sim/chip/index.ts';
import {
  describeMethods,
  serveControl,
  type ControlMethods,
  type ControlService,
} from '../../../firmware-sim/control/index.ts';
import { systemClock } from '../../clock/clock.ts';
import { VirtualClock } from '../../clock/virtual-clock.ts';
import type { Port } from '../../transports/index.ts';
import { TwinControl } from '../control/client.ts';
import { Agreement, ASK_AFTER_MS } from './agreement.ts';
import { Coordinator, realTimeMethods } from './coordinator.ts';
import { CountedController } from './counted-link.ts';
import { SILENCE_LIMIT_MS } from './messages.ts';
import { Participant } from './participant.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** A device that writes down when something came in, and answers with the same bytes. */
class EchoDevice implements Controller {
  readonly heard: { at_us: number; word: string }[] = [];
  readonly #clock: VirtualClock;
  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }
  attach(sink: ByteSink): Attachment {
    return {
      receive: (bytes) => {
        const word = Buffer.from(bytes).toString();
        this.heard.push({ at_us: this.#clock.now_us, word });
        sink.write(bytes);
      },
      drained: () => undefined,
      detach: () => undefined,
    };
  }
  close(): void {}
}

/** A line on which every write takes `delay_ms` of real time; `lossy`: words with "lost" in them do not arrive. */
function line(controller: Controller, delay_ms: number): Port {
  let receive: (bytes: Uint8Array) => void = () => undefined;
  const later = (deliver: () => void): void => void setTimeout(deliver, delay_ms);
  const attachment = controller.attach({
    write: (bytes) => {
      const kept = Uint8Array.from(bytes);
      later(() => receive(kept));
      return true;
    },
  });
  return {
    label: 'line',
    open: () => new Promise((resolve) => setTimeout(resolve, delay_ms)),
    write: (bytes) => {
      const kept = Uint8Array.from(bytes);
      if (!Buffer.from(bytes).includes('lost')) later(() => attachment.receive(kept));
      return true;
    },
    queuedBytes: 0,
    onData: (callback) => (receive = callback),
    onDrain: () => undefined,
    onClosed: () => undefined,
    close: () => Promise.resolve(),
  };
}

const describeTwin = describeMethods({
  uid: '00',
  units: 8,
  profile: IDEAL_PROFILE,
  profileDigest: '00',
  speed: () => 'max',
  faultsActive: () => [],
});
async function controlOf(methods: ControlMethods): Promise<ControlService> {
  const control = await serveControl({ ...describeTwin, ...methods }, { host: '127.0.0.1', port: 0 });
  endings.push(() => control.close());
  return control;
}

interface Pair {
  device: EchoDevice;
  clock: VirtualClock;
  control: ControlService;
  host: Participant;
  port: Port;
  lines: string[];
  /** What silence is measured by, beside the passing of real time. */
  skip: (real_ms: number) => void;
}

async function pair(options: { speed?: number | 'max'; delay_ms?: number } = {}): Promise<Pair> {
  const { speed = 'max', delay_ms = 0 } = options;
  const clock = new VirtualClock({ speed });
  const device = new EchoDevice(clock);
  const link = new CountedController(device, clock);
  const lines: string[] = [];
  let skipped_ms = 0;
  const real = { ...systemClock, now_ms: () => systemClock.now_ms() + skipped_ms };
  const coordinator = new Coordinator({ clock, speed, link, real, log: (text) => void lines.push(text) });
  const control = await controlOf(coordinator.methods());
  coordinator.start();
  endings.push(() => coordinator.stop());
  const host = await Participant.join(control.address, { name: 'host', log: () => undefined });
  endings.push(() => host.close());
  const port = host.counted(line(link, delay_ms));
  return { device, clock, control, host, port, lines, skip: (real_ms) => void (skipped_ms += real_ms) };
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
};
const say = (port: Port, word: string): void => void port.write(Buffer.from(word));

describe('lock-step', () => {
  it.each([0, 3])('brings every word at the time it was sent, on a line of %i ms', async (delay_ms) => {
    const { device, clock, host, port } = await pair({ delay_ms });
    const answers: { at_us: number; word: string }[] = [];
    const sent: { at_us: number; word: string }[] = [];
    await port.open(new AbortController().signal);
    port.onData((bytes) => answers.push({ at_us: host.clock.now_us, word: Buffer.from(bytes).toString() }));
    const late: number[] = [];
    for (let k = 1; k <= 40; k++) {
      const due_us = k * 250_000;
      host.clock.after(k * 250 - host.clock.now_ms(), () => {
        late.push(host.clock.now_us - due_us);
        sent.push({ at_us: host.clock.now_us, word: `w${k}` });
        say(port, `w${k}`);
      });
    }
    let beats = 0;
    const beat = (): void => {
      beats += 1;
      clock.after(100, beat);
    };
    clock.after(100, beat);
    await until(() => answers.length === 40);
    expect(new Set(late)).toEqual(new Set([0]));
    expect(device.heard).toEqual(sent);
    expect(answers).toEqual(sent);
    expect(beats).toBeGreaterThanOrEqual(99);
  });

  it('stands still while either side holds, and while a port is being opened', async () => {
    const { clock, host, port } = await pair({ delay_ms: 40 });
    let fired = 0;
    host.clock.after(1000, () => (fired += 1));
    const releases = [host.clock.hold(), clock.hold()];
    for (const release of releases) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect([fired, clock.now_us, host.clock.now_us]).toEqual([0, 0, 0]);
      release();
    }
    await until(() => fired === 1);
    const opened = port.open(new AbortController().signal);
    const before_us = host.clock.now_us;
    host.clock.after(1, () => (fired += 1));
    await opened;
    expect([fired, host.clock.now_us]).toEqual([1, before_us]);
    await until(() => fired === 2);
  });

  it('declines an order that is not true any more, without a timer being late', async () => {
    const { clock, host } = await pair();
    const seen: number[] = [];
    // Work from outside, between the orders: each sets a timer shorter than what was reported.
    clock.after(3_600_000, () => undefined);
    const tick = (): void => void clock.after(7, tick);
    tick();
    for (let k = 0; k < 200; k++) {
      const due_us = host.clock.now_us + 1000;
      host.clock.after(1, () => seen.push(host.clock.now_us - due_us));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => seen.length === 200);
    expect(new Set(seen)).toEqual(new Set([0]));
    expect(Math.abs(clock.now_us - host.clock.now_us)).toBeLessThanOrEqual(7000);
  });

  it('gives up bytes that do not arrive', async () => {
    const { device, host, port, lines } = await pair();
    host.clock.after(10, () => say(port, 'lost'));
    host.clock.after(20, () => say(port, 'found'));
    await until(() => device.heard.length === 1);
    expect(device.heard).toEqual([{ at_us: 20_000, word: 'found' }]);
    expect(lines.filter((text) => text.includes('did not arrive'))).toEqual([
      '4 bytes to the device and 0 to the host did not arrive; virtual time goes on at 0.010 s',
    ]);
  });

  it('is never faster than its speed', async () => {
    const before_ms = performance.now(); // the pace counts from the joining
    const { clock, host } = await pair({ speed: 1000 });
    await new Promise<void>((resolve) => host.clock.after(100_000, resolve));
    expect((performance.now() - before_ms) * 1000).toBeGreaterThanOrEqual(host.clock.now_ms());
    expect(host.clock.facts()).toEqual({ kind: 'virtual', speed: 1000 });
    expect(clock.now_us).toBeLessThanOrEqual(host.clock.now_us);
  });
});

describe('who takes part', () => {
  it('time stands still before the first one, and goes on without one that has gone', async () => {
    const clock = new VirtualClock();
    const link = new CountedController(new EchoDevice(clock), clock);
    const lines: string[] = [];
    const log = (text: string): void => void lines.push(text);
    const coordinator = new Coordinator({ clock, speed: 1000, link, real: systemClock, log });
    const control = await controlOf(coordinator.methods());
    coordinator.start();
    endings.push(() => coordinator.stop());
    let fired = 0;
    clock.after(5000, () => (fired += 1));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect([fired, clock.now_us]).toEqual([0, 0]);
    const first = await Participant.join(control.address, { name: 'first', log: () => undefined });
    const second = Participant.join(control.address, { name: 'second', log: () => undefined });
    await expect(second).rejects.toMatchObject({ code: 'control-refused', reason: 'clock-taken' });
    await first.close();
    await until(() => fired === 1);
    expect(lines[0]).toMatch(/^first has joined at 0\.000 s/);
    expect(lines[1]).toMatch(/^first closed its connection at .* goes on at speed 1000$/);
    const { control: asked } = await TwinControl.connect(control.address);
    expect(await asked.call('clock.get')).toMatchObject({ started: true, participant: null, speed: 1000 });
    asked.close();
  });

  it('one that says nothing is let go, and joins anew at the time that it is by then', async () => {
    const { clock, host, lines, skip } = await pair({ speed: 1000 });
    await new Promise<void>((resolve) => host.clock.after(1000, resolve));
    const release = host.clock.hold(); // no reports
    await new Promise((resolve) => setTimeout(resolve, 20));
    skip(SILENCE_LIMIT_MS + 1);
    await until(() => lines.some((text) => text.includes('has said nothing for 10 s')));
    release();
    const before_us = host.clock.now_us;
    await until(() => lines.filter((text) => text.includes('has joined')).length === 2);
    let late_us = -1;
    const due_us = host.clock.now_us + 50_000;
    host.clock.after(50, () => (late_us = host.clock.now_us - due_us));
    await until(() => late_us >= 0);
    expect(late_us).toBe(0);
    expect(host.clock.now_us).toBeGreaterThan(before_us);
    expect(clock.now_us).toBeGreaterThan(host.clock.now_us);
  });

  it('a twin on real time refuses, and says what to do', async () => {
    const control = await controlOf(realTimeMethods());
    const { control: asked } = await TwinControl.connect(control.address);
    expect(await asked.call('clock.get')).toEqual({ kind: 'system', speed: 1 });
    asked.close();
    const refused = Participant.join(control.address, { name: 'host', log: () => undefined });
    await expect(refused).rejects.toMatchObject({
      reason: 'not-virtual',
      remedy: expect.stringContaining('--speed') as string,
    });
  });
});

describe('Agreement', () => {
  const count = (sent_bytes: number, received_bytes: number) => ({ sent_bytes, received_bytes });
  it('gives up what is missing only after another look of the host', () => {
    const agreement = new Agreement();
    const host = { ...count(10, 0), looked: 0 };
    expect(agreement.judge({ ...host, received_bytes: 5 }, count(5, 10), 0).kind).toBe('agree');
    expect(agreement.judge(host, count(5, 10), 0).kind).toBe('under-way');
    expect(agreement.judge(host, count(5, 10), ASK_AFTER_MS - 1).kind).toBe('under-way');
    expect(agreement.judge(host, count(5, 10), ASK_AFTER_MS)).toEqual({ kind: 'ask', look: 1 });
    expect(agreement.judge(host, count(5, 10), 10 * ASK_AFTER_MS).kind).toBe('under-way');
    const lost = { kind: 'lost', toDevice_bytes: 0, toHost_bytes: 5 };
    expect(agreement.judge({ ...host, looked: 1 }, count(5, 10), 10 * ASK_AFTER_MS)).toEqual(lost);
    expect(agreement.judge({ ...host, looked: 1 }, count(5, 10), 10 * ASK_AFTER_MS).kind).toBe('agree');
    expect(agreement.judge({ ...count(10, 2), looked: 1 }, count(7, 10), 10 * ASK_AFTER_MS).kind).toBe(
      'agree',
    );
  });
});
