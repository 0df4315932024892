// Is the kernel right? Exact averages of statistical mechanics against sampled ones, with error bars and fixed seeds.
import { afterAll, describe, expect, it } from 'vitest';
import { harmonicProgram, phase, referenceProgram, schedule } from '../../test/support/core-programs.ts';
import type { AnalogCore, CorePhase, CoreProgram, CoreRun } from './index.ts';
import { createTwinCore } from './index.ts';

const cores: AnalogCore[] = [];
afterAll(() => Promise.all(cores.map((c) => c.close())));

/** Readout values x, [samples][reads][units]. */
async function sampled(
  program: CoreProgram,
  run: CoreRun,
  noiseTemperatureError_ratio = 0,
): Promise<Float64Array> {
  const core = await createTwinCore({ units: program.units, threads: 2, noiseTemperatureError_ratio });
  cores.push(core);
  core.load(program);
  return Float64Array.from(await core.run(run), (code) => code * 2 ** -10);
}

function average(
  values: Float64Array,
  f: (x: number, at: number) => number,
): { mean: number; stderr: number } {
  let sum = 0;
  let squares = 0;
  values.forEach((x, at) => {
    const y = f(x, at);
    sum += y;
    squares += y * y;
  });
  const n = values.length;
  const mean = sum / n;
  return { mean, stderr: Math.sqrt((squares / n - mean * mean) / n) };
}

/** <x^n> under exp(-(x^2 + x^4) / kT), trapezoidal rule (spectrally exact for such integrands). */
function quadrature(kT: number, power: number): number {
  let weight = 0;
  let sum = 0;
  for (let x = -2; x <= 2; x += 1e-3) {
    const w = Math.exp(-(x * x + x ** 4) / kT);
    weight += w;
    sum += w * x ** power;
  }
  return sum / weight;
}

describe('one uncoupled unit at the reference point, dt 0.001', () => {
  it('has the second and fourth moment of its Boltzmann distribution', async () => {
    // 2500 steps to equilibrium, then reads 0.4 apart: x^2 forgets with tau = 0.18 (physics.md 1.2).
    const steps = 4500;
    const readAtStep = [2500, 2900, 3300, 3700, 4100, 4500];
    const x = await sampled(
      referenceProgram(512),
      schedule([phase(steps, { readAtStep })], { samples: 256, seed: 4n }),
    );
    const x2 = average(x, (v) => v * v);
    const x4 = average(x, (v) => v ** 4);
    expect(quadrature(0.1, 2)).toBeCloseTo(0.040878, 6);
    expect(Math.abs(x2.mean / 0.040878 - 1)).toBeLessThan(0.005);
    expect(Math.abs(x4.mean / quadrature(0.1, 4) - 1)).toBeLessThan(0.01);
    // Euler-Maruyama itself raises <x^2> by 0.10 % (decisions.md 2); 1.25 allows for the memory between the reads.
    expect(Math.abs(x2.mean - 0.040878 * 1.001)).toBeLessThan(4 * 1.25 * x2.stderr);
    expect(Math.abs(average(x, (v) => v).mean)).toBeLessThan(4 * 1.5 * average(x, (v) => v).stderr);
  });

  it('has a kurtosis that only the quartic term makes', () => {
    expect(quadrature(0.1, 4) / quadrature(0.1, 2) ** 2).toBeCloseTo(2.73, 2);
  });
});

/** 32 pairs (2k, 2k+1) with one coupling code each, J = code * 1e-3 E0. */
function pairs(couplingCodeOfPair: number): CoreProgram {
  const units = 64;
  const program = harmonicProgram(units);
  let at = 0;
  for (let i = 0; i < units; i++) {
    for (let j = i + 1; j < units; j++) {
      if (i % 2 === 0 && j === i + 1) program.couplingCode[at] = couplingCodeOfPair;
      at++;
    }
  }
  program.scale.coupling_E0 = 1e-3;
  return program;
}

describe('harmonic units', () => {
  const J = 0.8;
  const dt = 0.005;
  const relax = (change: Partial<CorePhase>): CoreRun =>
    schedule([phase(1000, { coupled: true, ...change })], { samples: 1024, step_ns: 5, seed: 11n });

  it('two coupled units have the covariance of Euler-Maruyama, kT (A - dt A^2 / 2)^-1', async () => {
    const x = await sampled(pairs(J * 1000), relax({}));
    // A = [[2, J], [J, 2]] has modes (1, 1) and (1, -1) with 2 + J and 2 - J.
    for (const sign of [1, -1]) {
      const lambda = 2 + sign * J;
      const exact = 0.1 / (lambda - (dt * lambda * lambda) / 2);
      const mode = Float64Array.from(
        { length: x.length / 2 },
        (_, pair) => x[2 * pair] + sign * x[2 * pair + 1],
      );
      const power = average(mode, (v) => (v * v) / 2);
      expect(Math.abs(power.mean - exact)).toBeLessThan(4 * power.stderr);
      expect(power.stderr / exact).toBeLessThan(0.01);
    }
  });

  it('a planted error of the noise temperature shows in the variance', async () => {
    for (const error of [-0.1, 0.1]) {
      const x = await sampled(harmonicProgram(64), relax({}), error);
      const x2 = average(x, (v) => v * v);
      const exact = (0.1 * (1 + error)) / (2 - (dt * 4) / 2);
      expect(Math.abs(x2.mean - exact)).toBeLessThan(4 * x2.stderr);
      expect(x2.stderr / exact).toBeLessThan(0.01);
    }
  });

  it('a field pushes, a bias pulls: <x> = (f - b) / (2 J2)', async () => {
    const program = harmonicProgram(64, { biasCode: new Int16Array(64).fill(300) });
    const field = { code: new Int16Array(64).fill(800), scale_E0: 1e-3, from_q15: 32768, to_q15: 32768 };
    const both = average(await sampled(program, relax({ field })), (v) => v);
    expect(Math.abs(both.mean - (0.8 - 0.3) / 2)).toBeLessThan(4 * both.stderr);
    const uncoupled = average(await sampled(program, relax({ field, coupled: false })), (v) => v);
    expect(Math.abs(uncoupled.mean - 0.8 / 2)).toBeLessThan(4 * uncoupled.stderr);
  });

  it('a ramped field is followed: <x> = exact solution of dx/dt = -2 x + f (1 - t / T)', async () => {
    const code = new Int16Array(64).fill(1000);
    const field = { code, scale_E0: 1e-3, from_q15: 32768, to_q15: 0 };
    const x = average(await sampled(harmonicProgram(64), relax({ field })), (v) => v);
    // T = 5: x(T) = f/2 (1 - 1) + f/(4 T) - (f/2 + f/(4 T)) exp(-2 T).
    const exact = 1 / 20 - (1 / 2 + 1 / 20) * Math.exp(-10);
    expect(Math.abs(x.mean - exact)).toBeLessThan(4 * x.stderr + dt * 0.1);
  });
});
