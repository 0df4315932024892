// Is the oscillator right? Exact averages and exact solutions against sampled ones, with error bars and fixed seeds.
// Units: E0 = mu = 1; the reference cell has m = Q^2 / 2 and omega_0 = 2 / Q at 2 J2 = 2 E0.
import { afterAll, describe, expect, it } from 'vitest';
import { harmonicProgram, phase, referenceProgram, schedule } from '../../test/support/core-programs.ts';
import type { AnalogCore, CoreProgram } from './index.ts';
import { CoreRefusal, createTwinCore } from './index.ts';

const cores: AnalogCore[] = [];
afterAll(() => Promise.all(cores.map((c) => c.close())));

async function loaded(program: CoreProgram, qualityFactor: number | null, threads = 2): Promise<AnalogCore> {
  const core = await createTwinCore({
    units: program.units,
    threads,
    noiseTemperatureError_ratio: 0,
    dynamics: qualityFactor === null ? { kind: 'overdamped' } : { kind: 'oscillator', qualityFactor },
  });
  cores.push(core);
  core.load(program);
  return core;
}

const values = (codes: Int16Array): Float64Array => Float64Array.from(codes, (code) => code * 2 ** -10);

/** Mean and standard error over independent samples: each is the average of f over its `each` values. */
function average(x: Float64Array, each: number, f: (x: number) => number): { mean: number; stderr: number } {
  const means = Array.from({ length: x.length / each }, (_, k) => {
    let sum = 0;
    for (let i = k * each; i < (k + 1) * each; i++) sum += f(x[i]);
    return sum / each;
  });
  const n = means.length;
  const mean = means.reduce((a, b) => a + b, 0) / n;
  const variance = means.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1);
  return { mean, stderr: Math.sqrt(variance / n) };
}

/** Readout rounding adds 1/12 of a squared code to every second moment (Sheppard). */
const SHEPPARD = 2 ** -20 / 12;

/** Step and time to equilibrium for each Q: 10 relaxation times 2m of a heavy cell, 6 of the overdamped mode else. */
const settings = [
  { Q: 0.1, step_ns: 2, steps: 1250 },
  { Q: 1, step_ns: 10, steps: 500 },
  { Q: 10, step_ns: 200, steps: 2500 },
];

describe('a quartic unit in equilibrium', () => {
  it.each(settings)('has <x^2> of quadrature and equal energies at Q $Q', async ({ Q, step_ns, steps }) => {
    const units = 512;
    const core = await loaded(referenceProgram(units), Q);
    const run = schedule([phase(steps)], { samples: 256, step_ns, seed: 31n });
    const x = values(await core.run(run));
    const voltage = values(await core.run({ ...run, readout: 'voltage' }));
    const x2 = average(x, 1, (v) => v * v);
    expect(Math.abs(x2.mean - SHEPPARD - 0.0408778)).toBeLessThan(4 * x2.stderr);
    expect(x2.stderr / 0.0409).toBeLessThan(0.0045);
    // Inductive energy: <x dV/dx> = kT. Capacitive: m v^2 with v in omega_0, so m omega_0^2 = 2 E0.
    const inductive = average(x, 1, (v) => 2 * v * v + 4 * v ** 4);
    expect(Math.abs(inductive.mean - 2 * SHEPPARD - 0.1)).toBeLessThan(4 * inductive.stderr);
    const capacitive = average(voltage, 1, (v) => 2 * v * v);
    expect(Math.abs(capacitive.mean - 2 * SHEPPARD - 0.1)).toBeLessThan(4 * capacitive.stderr);
    expect(capacitive.stderr / 0.1).toBeLessThan(0.005);
  });
});

/** Pairs (2k, 2k+1) of harmonic units with J = 0.8 E0 inside a pair. */
function pairs(units: number): CoreProgram {
  const program = harmonicProgram(units);
  let at = 0;
  for (let i = 0; i < units; i++) {
    for (let j = i + 1; j < units; j++, at++) {
      if (i % 2 === 0 && j === i + 1) program.couplingCode[at] = 800;
    }
  }
  program.scale.coupling_E0 = 1e-3;
  return program;
}

describe('harmonic cells', () => {
  it.each([0.1, 3])('two coupled ones have the covariance kT A^-1 at Q %d', async (Q) => {
    const units = 128;
    const core = await loaded(pairs(units), Q);
    const step_ns = Q < 1 ? 5 : 50;
    const run = schedule([phase(1000, { coupled: true })], { samples: 1024, step_ns, seed: 32n });
    const x = values(await core.run(run));
    // A = [[2, J], [J, 2]] has modes (1, 1) and (1, -1) with 2 + J and 2 - J; the scheme is exact in x.
    for (const sign of [1, -1]) {
      const mode = Float64Array.from({ length: x.length / 2 }, (_, k) => x[2 * k] + sign * x[2 * k + 1]);
      const power = average(mode, 1, (v) => (v * v) / 2);
      const exact = 0.1 / (2 + sign * 0.8);
      expect(Math.abs(power.mean - SHEPPARD - exact)).toBeLessThan(4 * power.stderr);
      expect(power.stderr / exact).toBeLessThan(0.006);
    }
  });

  it.each([3, 10])('ring after a field step as the exact damped oscillator at Q %d', async (Q) => {
    const units = 256;
    // Cold, so that the mean is sharp; kT does not enter the mean of a linear cell.
    const program = harmonicProgram(units, { noiseTemperatureCode: 16 });
    const step_ns = 50;
    const dt = step_ns * 1e-3;
    const [omega, decay] = [2 / Q, 1 / Q ** 2]; // gamma / 2m
    const ring = Math.sqrt(omega ** 2 - decay ** 2);
    const perPeriod = (2 * Math.PI) / ring / dt;
    // Eight reads a period, three periods.
    const readAtStep = Array.from({ length: 24 }, (_, k) => Math.round(((k + 1) * perPeriod) / 8));
    const code = new Int16Array(units).fill(1000);
    const field = { code, scale_E0: 1e-3, from_q15: 32768, to_q15: 32768 };
    const once = phase(Math.ceil(3 * perPeriod), { field, readAtStep, noiseTemperatureCode: 16 });
    const run = schedule([once], { samples: 32, step_ns, seed: 33n });
    const core = await loaded(program, Q);
    const flux = values(await core.run(run));
    const voltage = values(await core.run({ ...run, readout: 'voltage' }));
    readAtStep.forEach((step, read) => {
      const column = (all: Float64Array) =>
        all.filter((_, at) => Math.floor(at / units) % readAtStep.length === read);
      const exactAt = (t: number) => {
        const swing = Math.exp(-decay * t);
        const [c, s] = [Math.cos(ring * t), Math.sin(ring * t)];
        return { x: 0.5 * (1 - swing * (c + (decay / ring) * s)), v: (0.5 * swing * omega ** 2 * s) / ring };
      };
      const x = average(column(flux), units, (v) => v);
      const v = average(column(voltage), units, (u) => u);
      // The first kick stands for the half step before it too (kernel/oscillator.ts): read n belongs to time n + 1/2 after the
      // switch, and its voltage lacks the half kick (force) dt / 2m of that moment. What is left is second order: (omega dt)^2 / 24 per radian, of three periods, and the start.
      const tolerance = 0.5 * (omega * dt) ** 2 * ((6 * Math.PI) / 24 + 1 / 8);
      const exact = exactAt((step + 0.5) * dt);
      const lacking = ((1 - 2 * exact.x) * dt) / Q ** 2;
      expect(Math.abs(x.mean - exact.x)).toBeLessThan(4 * x.stderr + tolerance);
      expect(Math.abs(v.mean - (exact.v - lacking) / omega)).toBeLessThan(4 * v.stderr + tolerance);
    });
  });
});

describe('as Q goes to 0', () => {
  it('the relaxation after a field step and <x^2> become those of the overdamped law', async () => {
    const units = 512;
    const code = new Int16Array(units).fill(1000);
    const field = { code, scale_E0: 1e-3, from_q15: 32768, to_q15: 32768 };
    const readAtStep = [20, 50, 100, 200, 400, 1000];
    const run = schedule([phase(1000, { field, readAtStep })], { samples: 128, step_ns: 2, seed: 34n });
    const curve = async (Q: number | null, power: number) => {
      const x = values(await (await loaded(referenceProgram(units), Q)).run({ ...run, seed: Q ? 35n : 34n }));
      return readAtStep.map((_, read) =>
        average(
          x.filter((_value, at) => Math.floor(at / units) % readAtStep.length === read),
          1,
          (v) => v ** power,
        ),
      );
    };
    for (const power of [1, 2]) {
      const limit = await curve(null, power);
      const distance = async (Q: number) =>
        (await curve(Q, power)).map(
          (a, k) => (a.mean - limit[k].mean) / Math.hypot(a.stderr, limit[k].stderr),
        );
      // m = 5e-5: inertia lasts a twentieth of a step, so only the law is left; and at Q 0.5 the curve is another.
      for (const z of await distance(0.01)) expect(Math.abs(z)).toBeLessThan(4);
      expect(Math.max(...(await distance(0.5)).map(Math.abs))).toBeGreaterThan(10);
    }
  });
});

describe('the core with oscillator cells', () => {
  it('gives the same samples for 1, 2 and 3 threads, and others than overdamped units', async () => {
    const run = schedule([phase(60, { readAtStep: [20, 60] }), phase(40, { coupled: true })], {
      samples: 70,
      step_ns: 5,
      seed: 36n,
    });
    const results: Int16Array[] = [];
    for (const threads of [1, 2, 3]) results.push(await (await loaded(pairs(30), 1, threads)).run(run));
    for (const codes of results) expect(codes).toEqual(results[0]);
    expect(new Set(results[0]).size).toBeGreaterThan(100);
    expect(await (await loaded(pairs(30), null)).run(run)).not.toEqual(results[0]);
  });

  const refusal = (act: () => void): CoreRefusal => {
    try {
      act();
    } catch (error) {
      if (error instanceof CoreRefusal) return error;
      throw error;
    }
    throw new Error('nothing was refused');
  };

  it('refuses a step beyond its own stability limit, with number and limit', async () => {
    const core = await loaded(referenceProgram(4), 10);
    // m = 50, curvature 50 E0 at the rails: omega = 1, limit 2 time units, a little more with friction.
    core.check(schedule([phase(10)], { step_ns: 2000 }));
    const error = refusal(() => core.check(schedule([phase(10)], { step_ns: 2001 })));
    expect(error.reason).toBe('unstable-step');
    expect(error.message).toMatch(/2001 ns is not below 2000 ns.*50\.00 E0.*Q 10/);
    const light = await loaded(referenceProgram(4), 0.001);
    light.check(schedule([phase(10)], { step_ns: 39 }));
    expect(refusal(() => light.check(schedule([phase(10)], { step_ns: 40 }))).reason).toBe('unstable-step');
  });

  it('refuses a friction that rounds away, and a voltage that overdamped units do not have', async () => {
    const heavy = await loaded(referenceProgram(4), 1000);
    const error = refusal(() => heavy.check(schedule([phase(10)], { step_ns: 1 })));
    expect(error.reason).toBe('noise-underflow');
    expect(error.message).toMatch(/friction of 2\.000e-9 per step of 1 ns \(Q 1000\) is below 4\.657e-7/);
    const plain = await loaded(referenceProgram(4), null);
    const voltage = schedule([phase(10)], { readout: 'voltage' });
    expect(refusal(() => plain.check(voltage)).reason).toBe('bad-schedule');
  });

  it.each([{ qualityFactor: 0 }, { qualityFactor: 2000 }, { qualityFactor: 1, resonance_Hz: 0.5 }])(
    'cannot be built with %j',
    async (cell) => {
      const options = { units: 4, threads: 1, noiseTemperatureError_ratio: 0 };
      const dynamics = { kind: 'oscillator', ...cell } as const;
      await expect(createTwinCore({ ...options, dynamics })).rejects.toMatchObject({ code: 'bad-options' });
    },
  );
});
