// The virtual clock: order, exactness, holds; and what moves it in one process.
import { describe, expect, it } from 'vitest';
import { clockFacts, hold, sleep, systemClock, type Clock } from './clock.ts';
import { Pace } from './pace.ts';
import { nextTurn, settle } from './settle.ts';
import { VirtualClock } from './virtual-clock.ts';
import { VirtualTime } from './virtual-time.ts';

/** mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Moves a clock from timer to timer to the end. */
function runOut(clock: VirtualClock): void {
  while (clock.nextDue_us < Infinity) {
    clock.advanceTo(clock.nextDue_us);
    clock.runNext();
  }
}

describe('VirtualClock', () => {
  it('runs timers by time, those of one instant in the order they were set', () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.after(2, () => seen.push('c'));
    clock.after(1, () => seen.push('a'));
    clock.after(1, () => {
      seen.push('b');
      clock.after(0, () => seen.push('b0'));
      clock.after(1, () => seen.push('d'));
    });
    runOut(clock);
    expect(seen).toEqual(['a', 'b', 'b0', 'c', 'd']);
    expect(clock.now_ms()).toBe(2);
  });

  it('agrees with a sorted list over random timers, set and cancelled while it runs', () => {
    const draw = random(7);
    const clock = new VirtualClock();
    const expected: { at_us: number; name: number }[] = [];
    const seen: number[] = [];
    const timers = new Map<number, { cancel(): void }>();
    for (let name = 0; name < 3000; name++) {
      const delay_us = Math.floor(draw() * 1000);
      expected.push({ at_us: clock.now_us + delay_us, name });
      timers.set(
        name,
        clock.after(delay_us / 1000, () => seen.push(name)),
      );
      const victim = Math.floor(draw() * name);
      if (draw() < 0.6 && !seen.includes(victim)) {
        timers.get(victim)?.cancel();
        const at = expected.findIndex((timer) => timer.name === victim);
        if (at >= 0) expected.splice(at, 1);
      }
      if (draw() < 0.1) {
        clock.advanceTo(Math.min(clock.nextDue_us, clock.now_us + 20));
        clock.runNext();
      }
    }
    runOut(clock);
    const order = expected.sort((a, b) => a.at_us - b.at_us || a.name - b.name).map(({ name }) => name);
    expect(seen).toEqual(order);
  });

  it('is never early, and adds up exactly over a day of odd steps', () => {
    const clock = new VirtualClock({ origin_ms: 1000 });
    let ticks = 0;
    const tick = (): void => {
      ticks += 1;
      if (ticks < 864_000) clock.after(100, tick);
    };
    clock.after(100, tick);
    runOut(clock);
    expect(clock.now_ms()).toBe(86_400_000);
    expect(clock.wall_ms()).toBe(86_401_000);
    for (const delay_ms of [0.0001, 1 / 3, 4500.0004]) {
      const start_us = clock.now_us;
      clock.after(delay_ms, () => undefined);
      expect(clock.nextDue_us - start_us).toBeGreaterThanOrEqual(delay_ms * 1000);
      expect(clock.nextDue_us - start_us).toBeLessThan(delay_ms * 1000 + 1);
      runOut(clock);
    }
  });

  it('does not go back, nor past a timer', () => {
    const clock = new VirtualClock();
    clock.after(5, () => undefined);
    clock.advanceTo(3000);
    expect(() => clock.advanceTo(2999)).toThrow(RangeError);
    expect(() => clock.advanceTo(5001)).toThrow(/next timer is due at 5000 us/);
    expect(() => new VirtualClock().advanceTo(Infinity)).toThrow(RangeError);
    expect(clock.runNext()).toBe(false);
    clock.advanceTo(5000);
    expect(clock.runNext()).toBe(true);
  });

  it('takes holds and changes into account', () => {
    const clock = new VirtualClock({ speed: 10 });
    expect(clockFacts(clock)).toEqual({ kind: 'virtual', speed: 10 });
    expect(clockFacts(systemClock)).toEqual({ kind: 'system' });
    hold(systemClock)();
    const [first, second] = [hold(clock), hold(clock)];
    first();
    first();
    expect(clock.held).toBe(true);
    second();
    expect(clock.held).toBe(false);
    const before = clock.changes;
    let woken = 0;
    clock.onceChanged(() => (woken += 1));
    clock.onceChanged(() => (woken += 10))();
    clock.after(1, () => undefined).cancel();
    expect(clock.changes).toBe(before + 2);
    expect(woken).toBe(1);
  });
});

describe('settle', () => {
  it('runs chains of timers, promises and turns of one instant, and then stops', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    clock.after(0, () => {
      seen.push('timer');
      void Promise.resolve()
        .then(() => nextTurn())
        .then(() => {
          seen.push('turn');
          clock.after(0, () => seen.push('second'));
        });
    });
    clock.after(1, () => seen.push('later'));
    expect(await settle(clock, () => false)).toBe(true);
    expect(seen).toEqual(['timer', 'turn', 'second']);
    expect(clock.now_us).toBe(0);
  });

  it('waits for holds, however long they last', async () => {
    const clock = new VirtualClock();
    const release = clock.hold();
    let settled = false;
    const done = settle(clock, () => false).then(() => (settled = true));
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    expect(settled).toBe(false);
    release();
    await done;
  });
});

describe('VirtualTime', () => {
  it('jumps from timer to timer, and stands still while it is held', async () => {
    const time = new VirtualTime(new VirtualClock(), { speed: 'max' });
    const { clock } = time;
    time.start();
    await sleep(clock, 3_600_000);
    expect(clock.now_ms()).toBe(3_600_000);
    const release = clock.hold();
    const later = sleep(clock, 1000);
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    expect(clock.now_ms()).toBe(3_600_000);
    release();
    await later;
    expect(clock.now_ms()).toBe(3_601_000);
    await time.stop();
    clock.after(1, () => undefined);
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    expect(clock.now_ms()).toBe(3_601_000);
    time.start();
    await sleep(clock, 1);
    await time.stop();
  });

  it('keeps to a multiple of real time, and wakes for a timer that is set meanwhile', async () => {
    const real = new VirtualClock();
    const time = new VirtualTime(new VirtualClock(), { speed: 100, real });
    const { clock } = time;
    const seen: [string, number][] = [];
    const at = (name: string, delay_ms: number): void => {
      clock.after(delay_ms, () => seen.push([name, real.now_ms()]));
    };
    at('second', 1000);
    at('minute', 60_000);
    time.start();
    for (let slice = 0; slice < 700; slice++) {
      for (let turn = 0; turn < 12; turn++) await nextTurn();
      if (slice === 300) at('set later', 2000);
      real.advanceTo(Math.min(real.nextDue_us, real.now_us + 1000));
      while (real.runNext());
    }
    await time.stop();
    expect(seen.map(([name]) => name)).toEqual(['second', 'set later', 'minute']);
    for (const [name, due_ms] of [
      ['second', 10],
      ['minute', 600],
    ] as const) {
      const real_ms = seen.find((entry) => entry[0] === name)?.[1] ?? 0;
      expect(real_ms).toBeGreaterThanOrEqual(due_ms);
      expect(real_ms).toBeLessThanOrEqual(due_ms + 2);
    }
  });
});

describe('Pace', () => {
  it('catches up what is small, and lets go what work has cost', () => {
    const pace = new Pace(10, 0, 0);
    expect(pace.allowed_us(30, 0)).toBe(300_000);
    expect(pace.allowed_us(2000, 300_000)).toBe(800_000); // 50 ms of it
    expect(pace.allowed_us(2001, 800_000)).toBe(810_000);
    expect(pace.wait_ms(2001, 1_800_000)).toBe(99);
    expect(new Pace('max', 0, 0).allowed_us(0, 5)).toBe(Infinity);
  });
});

describe('sleep', () => {
  it('ends with the signal on a virtual clock too', async () => {
    const clock: Clock = new VirtualClock();
    const abort = new AbortController();
    const asleep = sleep(clock, 10, abort.signal);
    abort.abort(new Error('enough'));
    await expect(asleep).rejects.toThrow('enough');
  });
});
