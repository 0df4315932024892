// Every failure of readout and couplings, seen through the twin's core: the same seed without the fault gives the same
// states, so every difference is the fault's.
import { afterAll, describe, expect, it } from 'vitest';
import { createTwinCore } from '../chip/index.ts';
import type { AnalogCore, CoreProgram, CoreRun, TwinCoreOptions } from '../chip/index.ts';
import { fakeFaults, type FakeFaults } from '../../test/support/planted-faults.ts';
import {
  codesOf,
  field,
  means_x,
  paired,
  profileWith,
  quiet,
  settled,
} from '../../test/support/chip-profiles.ts';
import { harmonicProgram, phase, schedule } from '../../test/support/core-programs.ts';
import { CoreFaultEffects } from './index.ts';

const UNITS = 8;
const READS = 3;
const SAMPLES = 16;
const program = harmonicProgram(UNITS);
const run = schedule([phase(200), phase(200, { readAtStep: [100, 200] })], {
  samples: SAMPLES,
  step_ns: 5,
  seed: 3n,
});

type Use<T> = (core: AnalogCore, faults: FakeFaults) => Promise<T>;

/** One ideal chip for most tests: without faults it is as new, which the last test of this file proves. */
const shared = chip({});
afterAll(async () => (await shared).core.close());

async function chip(options: Partial<TwinCoreOptions>): Promise<{ core: AnalogCore; faults: FakeFaults }> {
  const faults = fakeFaults(UNITS);
  const effects = new CoreFaultEffects(faults.registry);
  return { core: await createTwinCore({ units: UNITS, threads: 1, faults: effects, ...options }), faults };
}

async function withCore<T>(use: Use<T>): Promise<T> {
  const { core, faults } = await shared;
  faults.registry.clearAll();
  return use(core, faults);
}

/** Codes without and with a fault, of one core. */
function before(
  fault: object,
  of: CoreProgram = program,
  what: CoreRun = run,
): Promise<[Int16Array, Int16Array]> {
  return withCore(async (core, { registry }) => {
    core.load(of);
    const healthy = await core.run(what);
    registry.inject(fault);
    return [healthy, await core.run(what)];
  });
}

const column = (codes: Int16Array, unit: number): number[] =>
  Array.from(codes).filter((_, at) => at % UNITS === unit);
const othersOf = (codes: Int16Array, unit: number): number[] =>
  Array.from(codes).filter((_, at) => at % UNITS !== unit);
const clamp = (code: number): number => Math.max(-2047, Math.min(2047, Math.floor(code + 0.5)));
const readout = (type: string, more: object = {}): object => ({
  component: 'readout',
  type,
  target: { unit: 2 },
  ...more,
});
const magnitude = (value: number, unit: string): object => ({ magnitude: { value, unit } });

/** Codes of unit 2 without and with the fault; the others are seen to be untouched. */
async function unit2(fault: object): Promise<[number[], number[]]> {
  const [healthy, failing] = await before(fault);
  expect(othersOf(failing, 2)).toEqual(othersOf(healthy, 2));
  return [column(healthy, 2), column(failing, 2)];
}

describe('readout', () => {
  it('off: 0', async () => {
    const [, y] = await unit2(readout('off'));
    expect(new Set(y)).toEqual(new Set([0]));
  });
  it.each([-2047, 5])('stuck at %d', async (code) => {
    const [, y] = await unit2(readout('stuck', magnitude(code, 'codes')));
    expect(new Set(y)).toEqual(new Set([code]));
  });
  it('stuck at the first code it converts, also in later runs', async () => {
    await withCore(async (core, { registry }) => {
      core.load(program);
      registry.inject(readout('stuck'));
      const first = column(await core.run(run), 2);
      const healthy = column(await codesOf({}, program, run), 2);
      expect(new Set(first)).toEqual(new Set([healthy[0]]));
      expect(column(await core.run({ ...run, seed: 99n }), 2)).toEqual(first);
    });
  });
  it.each([20, 2047])('garbage within %d codes: uniform, by its seed', async (largest) => {
    const fault = (seed: number): object => ({
      component: 'readout',
      type: 'garbage',
      seed,
      ...magnitude(largest, 'codes'),
    });
    const [[, a], [, same], [, other]] = [
      await before(fault(1)),
      await before(fault(1)),
      await before(fault(2)),
    ];
    expect(same).toEqual(a);
    expect(other).not.toEqual(a);
    expect(Math.max(...a.map(Math.abs))).toBeLessThanOrEqual(largest);
    // n = 384 values: mean square L(L + 1)/3, with a relative standard error of sqrt(4/5 / n).
    const square = a.reduce((sum, code) => sum + code * code, 0) / a.length;
    expect(Math.abs(square / ((largest * (largest + 1)) / 3) - 1)).toBeLessThan(
      4 * Math.sqrt(0.8 / a.length),
    );
  });
  it.each([-0.5, 0.25])('wrong gain %d', async (error) => {
    const [x, y] = await unit2(readout('wrong', magnitude(error, 'ratio')));
    expect(y).toEqual(x.map((code) => clamp(code * (1 + error))));
  });
  it.each([-100, 2000])('wrong zero by %d codes, saturating', async (offset) => {
    const [x, y] = await unit2(readout('wrong', magnitude(offset, 'codes')));
    expect(y).toEqual(x.map((code) => clamp(code + offset)));
  });
  it.each([100, 1000])('slow: a low-pass of %d ns over the reads of a restart', async (timeConstant_ns) => {
    const [x, y] = await unit2(readout('slow', magnitude(timeConstant_ns, 'ns')));
    // Reads at 1000, 1500 and 2000 ns after the beginning of the restart.
    const kept = [1000, 500, 500].map((t) => Math.exp(-t / timeConstant_ns));
    let state = 0;
    x.forEach((code, at) => {
      if (at % READS === 0) state = 0;
      state = code + (state - code) * kept[at % READS];
      expect(y[at]).toBe(clamp(state));
    });
  });
  it.each([1, 4])('delayed by %d reads, over the ends of restarts and batches', async (reads) => {
    await withCore(async (core, { registry }) => {
      core.load(program);
      const x = column(await core.run(run), 2);
      registry.inject(readout('delayed', magnitude(reads, 'reads')));
      const late = [...new Array<number>(reads).fill(0), ...x].slice(0, x.length);
      expect(column(await core.run(run), 2)).toEqual(late);
      const batches = [
        await core.run({ ...run, samples: 8 }),
        await core.run({ ...run, firstSample: 8, samples: 8 }),
      ];
      expect(batches.flatMap((codes) => column(codes, 2))).toEqual(late);
    });
  });
  it.each([0.3, 0.7])('intermittent: 0 for %d of each period', async (duty_ratio) => {
    await withCore(async (core, { registry, clock }) => {
      core.load(program);
      const x = column(await core.run(run), 2);
      registry.inject(readout('intermittent', { period_s: 1, duty_ratio }));
      for (let tenth = 0; tenth < 10; tenth++, clock.advance(100)) {
        const y = column(await core.run(run), 2);
        expect(y).toEqual(tenth / 10 < duty_ratio ? x.map(() => 0) : x);
      }
    });
  });
  it.each([
    ['codes_per_s', 3, (code: number, t_s: number) => code + 3 * t_s],
    ['codes_per_s', -40, (code: number, t_s: number) => code - 40 * t_s],
    ['ratio_per_s', 0.01, (code: number, t_s: number) => code * (1 + 0.01 * t_s)],
    ['ratio_per_s', -0.1, (code: number, t_s: number) => code * (1 - 0.1 * t_s)],
  ])('drift in %s, %d', async (unit, value, law) => {
    await withCore(async (core, { registry, clock }) => {
      core.load(program);
      const x = column(await core.run(run), 2);
      clock.advance(5000);
      registry.inject(readout('drift', { rate: { value, unit } }));
      for (const t_s of [0, 2, 4]) {
        expect(column(await core.run(run), 2)).toEqual(x.map((code) => clamp(law(code, t_s))));
        clock.advance(2000);
      }
    });
  });
});

/** Mean of unit 1, in x, when unit 0 is pushed and J_01 acts: almost silent units settle where A x = f. */
const CODE = 400;
const coupled = paired(UNITS, () => CODE);
const push = settled({
  coupled: true,
  field: field(Int16Array.from({ length: UNITS }, (_, k) => (k % 2 === 0 ? 800 : 0))),
});
/** A x = f with A = [[2, J], [J, 2]], f = (0.8, 0). */
const answer_x = (code: number): number => (-code * 1e-3 * 0.8) / (4 - (code * 1e-3) ** 2);

async function answers(fault: object): Promise<Float64Array> {
  const [, codes] = await before(fault, coupled, push);
  return means_x(codes, UNITS);
}
const near = (x: number, expected: number): void => expect(Math.abs(x - expected)).toBeLessThan(0.004);
const coupling = (type: string, more: object = {}): object => ({
  component: 'coupling',
  type,
  target: { pair: [0, 1] },
  ...more,
});

describe('coupling', () => {
  it('acts as programmed without a fault, and is off with it; other pairs are untouched', async () => {
    const x = await answers(coupling('off'));
    near(x[1], 0);
    near(x[3], answer_x(CODE));
  });
  it('off for a unit and for all', async () => {
    const unit = await answers({ component: 'coupling', type: 'off', target: { unit: 1 } });
    const all = await answers({ component: 'coupling', type: 'off' });
    near(unit[1], 0);
    near(unit[3], answer_x(CODE));
    for (const k of [1, 3, 5, 7]) near(all[k], 0);
  });
  it.each([-900, 100])('stuck at code %d, whatever is programmed', async (code) => {
    const x = await answers(coupling('stuck', magnitude(code, 'codes')));
    near(x[1], answer_x(code));
    const [, codes] = await before(
      coupling('stuck', magnitude(code, 'codes')),
      paired(UNITS, () => 0),
      push,
    );
    near(means_x(codes, UNITS)[1], answer_x(code));
  });
  it.each([-0.6, 0.75])('wrong by %d', async (ratio) => {
    near((await answers(coupling('wrong', magnitude(ratio, 'ratio'))))[1], answer_x(CODE * (1 + ratio)));
  });
  it.each([200, 1000])('garbage within %d codes: another code for each pair and seed', async (largest) => {
    const drawn = async (seed: number): Promise<number[]> => {
      const x = await answers({
        component: 'coupling',
        type: 'garbage',
        seed,
        ...magnitude(largest, 'codes'),
      });
      return Array.from(x);
    };
    const [a, same, b] = [await drawn(1), await drawn(1), await drawn(2)];
    expect(same).toEqual(a);
    expect(b).not.toEqual(a);
    const healthy = await answers({ component: 'readout', type: 'ok' });
    expect(a).not.toEqual(Array.from(healthy));
  });
  it('intermittent: off in its windows, to the last bit as before outside', async () => {
    await withCore(async (core, { registry, clock }) => {
      core.load(coupled);
      const healthy = await core.run(push);
      registry.inject(coupling('intermittent', { period_s: 1, duty_ratio: 0.25 }));
      for (const [wait_ms, fails] of [
        [0, true],
        [300, false],
        [800, true],
        [300, false],
      ] as const) {
        clock.advance(wait_ms);
        const codes = await core.run(push);
        if (fails) near(means_x(codes, UNITS)[1], 0);
        else expect(codes).toEqual(healthy);
      }
    });
  });
  it.each([0.1, -0.5])('drift by %d a second', async (value) => {
    await withCore(async (core, { registry, clock }) => {
      core.load(coupled);
      registry.inject(coupling('drift', { rate: { value, unit: 'ratio_per_s' } }));
      for (const t_s of [0, 1, 2]) {
        near(means_x(await core.run(push), UNITS)[1], answer_x(CODE * (1 + value * t_s)));
        clock.advance(1000);
      }
    });
  });
  it.each([
    ['codes', 150],
    ['codes', -150],
    ['full_scale', 0.05],
    ['full_scale', -0.4],
  ])('wrong by %s: %d is added, also to a coupling that is 0', async (unit, value) => {
    const added = unit === 'codes' ? value : value * 2047;
    near((await answers(coupling('wrong', magnitude(value, unit))))[1], answer_x(CODE + added));
    const none = paired(UNITS, () => 0);
    const [, codes] = await before(coupling('wrong', magnitude(value, unit)), none, push);
    near(means_x(codes, UNITS)[1], answer_x(added));
  });
  it('drift by 0.2 of the full scale a second stops at 0.3, in both directions', async () => {
    for (const sign of [1, -1]) {
      await withCore(async (core, { registry, clock }) => {
        core.load(coupled);
        const rate = { value: 0.2 * sign, unit: 'full_scale_per_s' };
        registry.inject(coupling('drift', { rate, ...magnitude(0.3, 'full_scale') }));
        for (const error of [0, 0.2, 0.3, 0.3]) {
          const codes = await core.run(push);
          near(means_x(codes, UNITS)[1], answer_x(CODE + sign * error * 2047));
          near(means_x(codes, UNITS)[3], answer_x(CODE));
          clock.advance(1000);
        }
      });
    }
  });
  // The program of the drift demonstration: 64 units, full scale 0.391 E0, 5 % of it on the coupling 3-7.
  it('5 % of a full scale of 0.391 E0 on 3-7 of 64 units is 0.0196 E0 there and nothing elsewhere', async () => {
    const [units, fullScale_E0, force_E0] = [64, 0.391, 1];
    const plain = quiet(units);
    const program = { ...plain, scale: { ...plain.scale, coupling_E0: fullScale_E0 / 2047 } };
    const code = Int16Array.from({ length: units }, (_, k) => (k === 3 ? 1000 : 0));
    const run = settled({ coupled: true, field: field(code) });
    const faults = fakeFaults(units);
    const core = await createTwinCore({ units, threads: 1, faults: new CoreFaultEffects(faults.registry) });
    core.load(program);
    const rate = { value: 0.01, unit: 'full_scale_per_s' };
    const drift = coupling('drift', { rate, ...magnitude(0.05, 'full_scale') });
    faults.registry.inject({ ...drift, target: { pair: [3, 7] } });
    faults.clock.advance(60_000);
    const x = means_x(await core.run(run), units);
    await core.close();
    const j = 0.05 * fullScale_E0;
    const expected = (-j * force_E0) / (4 - j * j);
    const stderr = Math.sqrt(1e-4 / 2 / 64); // kT = 1e-4 E0, 64 samples
    expect(Math.abs(expected) / stderr).toBeGreaterThan(5);
    expect(Math.abs(x[7] - expected) / stderr).toBeLessThan(4);
    const others = x.filter((_, k) => k !== 3 && k !== 7);
    expect(Math.max(...others.map(Math.abs)) / stderr).toBeLessThan(4.5);
  });
  it('refuses a run that the failing couplings would make unstable', async () => {
    await withCore(async (core, { registry }) => {
      core.load({ ...coupled, scale: { ...coupled.scale, coupling_E0: 1 } });
      registry.inject({ component: 'coupling', type: 'stuck', ...magnitude(2047, 'codes') });
      expect(() => core.check(push)).toThrow(/stability limit|headroom/);
      registry.clearAll();
    });
  });
});

describe('once they are cleared', () => {
  it.each([
    ['an ideal chip', {}],
    [
      'a chip with a profile',
      {
        profile: profileWith({
          couplings: { gain: { spread_ratio: 0.05 } },
          readout: { noise: { rms_x: 0.02 } },
        }),
      },
    ],
  ])('%s gives the same bits as before, also after another load', async (_name, options) => {
    const { core, faults } = await chip(options);
    const { registry } = faults;
    try {
      core.load(coupled);
      const healthy = await core.run(push);
      registry.inject(coupling('wrong', magnitude(0.3, 'ratio')));
      registry.inject(readout('garbage'));
      const failing = await core.run(push);
      expect(failing).not.toEqual(healthy);
      expect(await core.run(push)).toEqual(failing);
      core.load(coupled);
      expect(await core.run(push)).toEqual(failing);
      registry.clearAll();
      expect(await core.run(push)).toEqual(healthy);
    } finally {
      await core.close();
    }
  });
});
