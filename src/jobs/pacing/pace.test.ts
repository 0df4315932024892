// The pace of a run against a die that is told what it does: batches that fit, waits that end, and jobs that never could run.
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { Forecast, type Temperatures } from './forecast.ts';
import { LONGEST_PAUSE_MS, Pace } from './pace.ts';
import { excessAfter_C } from './pole.ts';
import { roomOf, startOf_s, type Room } from './watch.ts';

const FACTS = {
  die: { resistance_C_per_W: 6, tau_s: 3 },
  board: { resistance_C_per_W: 7, tau_s: 140 },
  idle_W: 1,
  run_W: 5,
  limit_C: 78,
};

/** A device of which everything is known. */
class KnownDie {
  readonly clock = new VirtualClock();
  readonly pauses: string[] = [];
  looks = 0;
  isKnown = true;
  facts = FACTS;
  now: Temperatures;
  #at_ms = 0;

  constructor(ambient_C: number) {
    this.now = { ambient_C, board_C: ambient_C + 7, die_C: ambient_C + 13 };
  }

  /** Works, or idles, until now. */
  advance(power_W: number): void {
    const duration_s = (this.clock.now_ms() - this.#at_ms) / 1000;
    this.#at_ms = this.clock.now_ms();
    const { die, board } = this.facts;
    const { ambient_C } = this.now;
    const board_C = ambient_C + excessAfter_C(board, this.now.board_C - ambient_C, power_W, duration_s);
    const die_C = board_C + excessAfter_C(die, this.now.die_C - this.now.board_C, power_W, duration_s);
    this.now = { ambient_C, board_C, die_C };
  }

  async look(): Promise<void> {
    this.looks++;
    this.advance(this.facts.idle_W);
  }

  room(): Room | null {
    return this.isKnown ? roomOf(new Forecast(this.facts), this.now) : null;
  }

  pace(signal = new AbortController().signal): Pace {
    const deviceTime = { during: <T>(work: () => Promise<T>) => work() };
    const onPause = (detail: string): void => void this.pauses.push(detail);
    return new Pace({ watch: this, clock: this.clock, deviceTime, signal, onPause });
  }

  /** Runs all samples of a job at its pace; the batches, and the warmest the die has been. */
  async run(count: number, perSample_s: number, pace = this.pace()) {
    const batches: number[] = [];
    let peak_C = -Infinity;
    for (let done = 0; done < count;) {
      const size = await this.clock.settle(pace.next(count - done));
      batches.push(size);
      this.advance(this.facts.idle_W);
      await this.clock.pass(size * perSample_s * 1000);
      this.advance(this.facts.run_W);
      pace.ran(ranFor(size, size * perSample_s));
      peak_C = Math.max(peak_C, this.now.die_C);
      done += size;
    }
    return { batches, peak_C, paused_s: pace.paused_s };
  }
}

function ranFor(samples: number, relax_s: number) {
  const timing = { upload_s: 0, total_s: relax_s, sentBytes: 0, skippedUpload: true, patchedUpload: false };
  return { samples, seed: null, digest: 'd', timing: { ...timing, relax_s } };
}

describe('the pace of a run', () => {
  it('is that of the device where it stays cool for ever, and nothing is asked of it', async () => {
    const die = new KnownDie(-5);
    expect(await die.run(1e6, 0.01)).toMatchObject({ batches: [1e6], paused_s: 0 });
    expect(die.looks).toBe(0);
    const pace = die.pace();
    await die.run(10, 1, pace);
    expect(pace.facts()).toBeNull();
  });

  it('is that of the device where too little is known of it, or pacing is off', async () => {
    const die = new KnownDie(70);
    die.isKnown = false;
    expect((await die.run(100, 1)).batches).toEqual([100]);
    const off = new Pace({
      watch: null,
      clock: die.clock,
      deviceTime: { during: (work) => work() },
      signal: new AbortController().signal,
    });
    expect(await off.next(100)).toBe(100);
  });

  it.each([
    [0.002, 50_000],
    [0.05, 3_000],
    [1.5, 100],
  ])('takes parts that fit, with rests between them (%d s a sample)', async (perSample_s, count) => {
    const die = new KnownDie(50);
    const pace = die.pace();
    const { batches, peak_C, paused_s } = await die.run(count, perSample_s, pace);
    expect(pace.facts()?.batches.map(({ samples }) => samples)).toEqual(batches);
    expect(batches.reduce((a, b) => a + b)).toBe(count);
    expect(batches[0]).toBe(16);
    expect(batches.length).toBeGreaterThan(2);
    expect(paused_s).toBeGreaterThan(0);
    expect(die.pauses[0]).toMatch(/the die is at \d+\.\d C: waiting for it to cool/);
    // The first batch is taken without knowing how long it lasts: 16 samples of 1.5 s may go beyond.
    if (perSample_s < 0.1) expect(peak_C).toBeLessThan(78);
    expect(peak_C).toBeGreaterThan(73);
  });

  it('ends a job of which not one sample would ever fit', async () => {
    const die = new KnownDie(55);
    const pace = die.pace();
    const rest_s = die.room()?.roomAtRest_s ?? NaN;
    pace.ran(ranFor(1, 2 * rest_s));
    const refused = die.clock.settle(pace.next(10));
    await expect(refused).rejects.toMatchObject({ code: 'device-too-hot', retryable: true });
  });

  it('ends a job for which there was no room for ten minutes, and not before', async () => {
    const die = new KnownDie(75);
    const waiting = die.clock.settle(die.pace().next(10));
    await expect(waiting).rejects.toMatchObject({ code: 'device-too-hot' });
    expect(die.clock.now_ms()).toBeGreaterThan(LONGEST_PAUSE_MS);
    expect(die.clock.now_ms()).toBeLessThan(LONGEST_PAUSE_MS + 5_000);
    expect(die.pauses).toHaveLength(1);
  });

  it('goes on when the surroundings have cooled, and ends its wait when it is stopped', async () => {
    const die = new KnownDie(75);
    die.clock.after(30_000, () => (die.now = { ...die.now, ambient_C: -5, board_C: 10, die_C: 15 }));
    expect(await die.clock.settle(die.pace().next(10))).toBe(10);
    const stop = new AbortController();
    const warm = new KnownDie(75);
    warm.clock.after(5_000, () => stop.abort(new Error('stopped')));
    await expect(warm.clock.settle(warm.pace(stop.signal).next(10))).rejects.toThrow('stopped');
    expect(warm.clock.now_ms()).toBeLessThan(7_000);
  });
});

describe('the room to begin', () => {
  it('is two seconds of work, or half of what there could ever be, or none', () => {
    expect(startOf_s({ roomAtRest_s: Infinity })).toBe(2);
    expect(startOf_s({ roomAtRest_s: 1 })).toBe(0.5);
    expect(startOf_s({ roomAtRest_s: 0 })).toBe(Infinity);
  });
});
