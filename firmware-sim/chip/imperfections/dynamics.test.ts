// Errors of potential, couplings, converters, noise and timing, seen through the core. Almost silent units settle where
// A x = f - b; what differs from an ideal chip with the same seed is the error, and has a closed form.
import { describe, expect, it } from 'vitest';
import {
  codesOf,
  field,
  means_x,
  paired,
  profileWith,
  quiet,
  rms,
  settled,
} from '../../../test/support/chip-profiles.ts';
import type { Faults } from '../../../test/support/chip-profiles.ts';
import { harmonicProgram, phase, schedule } from '../../../test/support/core-programs.ts';
import { fullCouplings } from '../effective-program.ts';
import type { CoreProgram, CoreRun, TwinCoreOptions } from '../index.ts';
import { createTwinCore } from '../index.ts';
import { withStuckBits } from './couplings.ts';

const UNITS = 64;
/** Relative standard error of the s.d. of n Gaussian values. */
const rmsError = (n: number): number => 1 / Math.sqrt(2 * n);
const uniform = (code: number): Int16Array => new Int16Array(UNITS).fill(code);
const push = field(uniform(1600));

async function means(faults: Faults, program: CoreProgram, run: CoreRun): Promise<Float64Array> {
  return means_x(await codesOf(faults, program, run), UNITS);
}

describe('potential', () => {
  it.each([0.02, 0.1])('J2 spread %d: x = f / (2 J2)', async (spread_ratio) => {
    const faults: Faults = { potential: { j2: { spread_ratio, common_ratio: 0.1 } } };
    const x = await means(faults, quiet(UNITS), settled({ field: push }));
    const error = x.map((m) => 0.8 / m - 1.1);
    const centre = error.reduce((a, b) => a + b) / UNITS;
    expect(Math.abs(centre)).toBeLessThan((4 * spread_ratio) / 8);
    expect(Math.abs(rms(error.map((e) => e - centre)) / spread_ratio - 1)).toBeLessThan(4 * rmsError(UNITS));
  });

  it.each([0.03, 0.15])('J4 spread %d: 2 x + 4 J4 x^3 = f', async (spread_ratio) => {
    const base = quiet(UNITS, { j4Code: uniform(1638) });
    const program = { ...base, scale: { ...base.scale, j4_E0: 1 / 1638 } };
    const x = await means({ potential: { j4: { spread_ratio } } }, program, settled({ field: push }));
    const error = x.map((m) => (1.6 - 2 * m) / (4 * m ** 3) - 1);
    expect(Math.abs(rms(error) / spread_ratio - 1)).toBeLessThan(4 * rmsError(UNITS));
  });

  it.each([0.02, 0.1])('offset spread %d E0: x = -offset / 2, coupled or not', async (spread_E0) => {
    const faults: Faults = { potential: { offset: { spread_E0, common_E0: 0.2 } } };
    const [x, coupled] = await Promise.all([
      means(faults, quiet(UNITS), settled()),
      means(faults, quiet(UNITS), settled({ coupled: true })),
    ]);
    expect(coupled).toEqual(x);
    const error = x.map((m) => -2 * m - 0.2);
    expect(Math.abs(error.reduce((a, b) => a + b) / UNITS)).toBeLessThan((4 * spread_E0) / 8);
    expect(Math.abs(rms(error) / spread_E0 - 1)).toBeLessThan(4 * rmsError(UNITS) + 0.01);
  });
});

/** Couplings J_21, J_12 of 32 pairs, from the response of one unit to a field on its partner: x_1 = -J_10 f / (4 - J J). */
async function couplings(
  faults: Faults,
  code: (pair: number) => number,
): Promise<[Float64Array, Float64Array]> {
  const program = paired(UNITS, code);
  const responses = await Promise.all(
    [0, 1].map((driven) => {
      const image = uniform(0).map((_, unit) => (unit % 2 === driven ? 1600 : 0));
      return means(faults, program, settled({ coupled: true, field: field(image) }));
    }),
  );
  // The driven unit shows -x_other / x_driven = J_other,driven / 2.
  return [0, 1].map((driven) =>
    Float64Array.from({ length: UNITS / 2 }, (_, pair) => {
      const x = responses[driven];
      return (-2 * x[2 * pair + 1 - driven]) / x[2 * pair + driven];
    }),
  ) as [Float64Array, Float64Array];
}

describe('couplings', () => {
  const J = 0.9;
  const same = (): number => 900;

  it.each([-0.05, 0.15])('common gain %d', async (common_ratio) => {
    for (const found of await couplings({ couplings: { gain: { common_ratio } } }, same)) {
      expect(Math.max(...found.map((j) => Math.abs(j / J - 1 - common_ratio)))).toBeLessThan(0.006);
    }
  });

  it.each([0.02, 0.1])('individual gain spread %d, the same in both directions', async (spread_ratio) => {
    const [a, b] = await couplings({ couplings: { gain: { spread_ratio } } }, same);
    expect(Math.abs(rms(a.map((j) => j / J - 1)) / spread_ratio - 1)).toBeLessThan(4 * rmsError(UNITS / 2));
    expect(rms(a.map((j, pair) => j - b[pair]))).toBeLessThan(0.005);
  });

  it.each([0.03, 0.12])('asymmetry %d: opposite in the two directions', async (spread_ratio) => {
    const [a, b] = await couplings({ couplings: { asymmetry: { spread_ratio } } }, same);
    const tilt = a.map((j, pair) => (j - b[pair]) / (2 * J));
    expect(Math.abs(rms(tilt) / spread_ratio - 1)).toBeLessThan(4 * rmsError(UNITS / 2));
    expect(rms(a.map((j, pair) => (j + b[pair]) / 2 / J - 1))).toBeLessThan(0.005);
  });

  it.each([0.1, 0.4])('a share of %d is missing, and so is a named one', async (share) => {
    const [a] = await couplings({ couplings: { missing: { share, pairs: [[7, 6]] } } }, same);
    const missing = a.map((j) => (Math.abs(j) < 0.01 ? 1 : 0));
    expect(missing[3]).toBe(1);
    const count = missing.reduce((sum, m) => sum + m) - missing[3];
    const n = UNITS / 2 - 1;
    expect(Math.abs(count - share * n)).toBeLessThan(4 * Math.sqrt(n * share * (1 - share)));
    a.forEach((j, pair) => missing[pair] === 0 && expect(Math.abs(j / J - 1)).toBeLessThan(0.006));
  });

  it.each([0.05, 0.25])(
    'a share of %d has a stuck bit: units answer through couplings nobody wrote',
    async (share) => {
      const faults: Faults = { couplings: { stuckBits: { share } } };
      const base = quiet(UNITS);
      const program = { ...base, scale: { ...base.scale, coupling_E0: 1e-4 } };
      const stored = withStuckBits(UNITS, program.couplingCode, profileWith(faults));
      // A bit stuck at 1 shows in a code of 0, one stuck at 0 does not.
      const changed = stored.filter((code) => code !== 0);
      const p = share / 2;
      const n = stored.length;
      expect(Math.abs(changed.length - p * n)).toBeLessThan(4 * Math.sqrt(n * p * (1 - p)));
      expect(changed.every((code) => code === -2047 || Number.isInteger(Math.log2(code)))).toBe(true);

      const image = uniform(0).fill(2000, 0, 16);
      const x = await means(faults, program, settled({ coupled: true, field: field(image) }));
      const exact = solve(fullCouplings(UNITS, stored), 1e-4, image);
      expect(rms(exact.slice(16))).toBeGreaterThan(0.02);
      expect(Math.max(...x.map((m, unit) => Math.abs(m - exact[unit])))).toBeLessThan(3e-3);
    },
  );
});

/** 2 x + J x = f by Gauss-Seidel. */
function solve(code: Int16Array, scale_E0: number, image: Int16Array): Float64Array {
  const x = new Float64Array(UNITS);
  for (let sweep = 0; sweep < 200; sweep++) {
    for (let i = 0; i < UNITS; i++) {
      let force = image[i] * 1e-3;
      for (let j = 0; j < UNITS; j++) force -= code[i * UNITS + j] * scale_E0 * x[j];
      x[i] = force / 2;
    }
  }
  return x;
}

describe('digital-to-analog converters', () => {
  // At half scale the bow is at its largest; one code there is 1e-3 E0, moved by half of that in x.
  it.each([4, 15])('integral non-linearity of %d codes, biases', async (inl_codes) => {
    const program = quiet(UNITS, { biasCode: uniform(1023) });
    const x = await means({ dac: { bias: { inl_codes } } }, program, settled({ coupled: true }));
    const error = x.map((m) => -2000 * m - 1023);
    expect(Math.abs(rms(error) / inl_codes - 1)).toBeLessThan(4 * rmsError(UNITS) + 0.03);
  });

  it.each([4, 15])('integral non-linearity of %d codes, fields', async (inl_codes) => {
    const x = await means(
      { dac: { field: { inl_codes } } },
      quiet(UNITS),
      settled({ field: field(uniform(1023)) }),
    );
    const error = x.map((m) => 2000 * m - 1023);
    expect(Math.abs(rms(error) / inl_codes - 1)).toBeLessThan(4 * rmsError(UNITS) + 0.03);
  });

  // Forces 1 + e times too large: the second reference, beside that of the readout.
  it.each([-0.03, 0.1])('a common gain error of %d, fields', async (gain_ratio) => {
    const force = field(uniform(1023));
    const x = await means({ dac: { field: { gain_ratio } } }, quiet(UNITS), settled({ field: force }));
    const error = x.reduce((sum, m) => sum + 2000 * m, 0) / UNITS / 1023 - 1 - gain_ratio;
    // kT = 1e-4: a mean of 64 samples of 64 units is good to 1e-4 of this force.
    expect(Math.abs(error)).toBeLessThan(1e-3);
  });

  it.each([5, 16])('integral non-linearity of %d codes, couplings', async (inl_codes) => {
    const [a] = await couplings({ dac: { coupling: { inl_codes } } }, () => 1023);
    const error = a.map((j) => j * 1000 - 1023);
    expect(Math.abs(rms(error) / inl_codes - 1)).toBeLessThan(4 * rmsError(UNITS / 2) + 0.05);
  });

  // The step between 1023 and 1024: the largest bit has 1, the ten below together 1/2 + 1/4 + ... = 1 in variance.
  const stepOf = (dnl_codes: number): number => dnl_codes * Math.sqrt(2 - 2 ** -10);
  const steps = (below: Float64Array, above: Float64Array, perCode: number): number =>
    rms(above.map((x, k) => perCode * (x - below[k]) - 1));

  it.each([3, 8])('differential non-linearity of %d codes, fields', async (dnl_codes) => {
    const [below, above] = await Promise.all(
      [1023, 1024].map((code) =>
        means({ dac: { field: { dnl_codes } } }, quiet(UNITS), settled({ field: field(uniform(code)) })),
      ),
    );
    const found = steps(below, above, 2000) / stepOf(dnl_codes);
    expect(Math.abs(found - 1)).toBeLessThan(4 * rmsError(UNITS) + 0.03);
  });

  it.each([3, 8])('differential non-linearity of %d codes, biases', async (dnl_codes) => {
    const [below, above] = await Promise.all(
      [1023, 1024].map((code) =>
        means(
          { dac: { bias: { dnl_codes } } },
          quiet(UNITS, { biasCode: uniform(code) }),
          settled({ coupled: true }),
        ),
      ),
    );
    const found = steps(below, above, -2000) / stepOf(dnl_codes);
    expect(Math.abs(found - 1)).toBeLessThan(4 * rmsError(UNITS) + 0.03);
  });

  it.each([3, 8])('differential non-linearity of %d codes, couplings', async (dnl_codes) => {
    const [below, above] = await Promise.all(
      [1023, 1024].map((code) => couplings({ dac: { coupling: { dnl_codes } } }, () => code)),
    );
    const found = steps(below[0], above[0], 1000) / stepOf(dnl_codes);
    expect(Math.abs(found - 1)).toBeLessThan(4 * rmsError(UNITS / 2) + 0.05);
  });
});

describe('noise', () => {
  const warm = schedule([phase(1600, { readAtStep: Array.from({ length: 14 }, (_, k) => 300 + 100 * k) })], {
    samples: 256,
    step_ns: 5,
    seed: 9n,
  });
  const secondMoments = async (faults: Faults): Promise<Float64Array> => {
    const codes = await codesOf(faults, harmonicProgram(UNITS), warm);
    const sum = new Float64Array(UNITS);
    codes.forEach((code, at) => (sum[at % UNITS] += (code / 1024) ** 2));
    return sum.map((total) => total / (codes.length / UNITS));
  };

  it.each([0.05, 0.2])('temperature spread %d, around a common error of 0.1', async (spread_ratio) => {
    const faults: Faults = { noise: { temperature: { common_ratio: 0.1, spread_ratio } } };
    const [ideal, x2] = await Promise.all([secondMoments({}), secondMoments(faults)]);
    // Linear units with the same random numbers: <x^2> scales exactly with kT.
    const error = x2.map((m, unit) => m / ideal[unit] / 1.1 - 1);
    expect(Math.abs((rms(error) * 1.1) / spread_ratio - 1)).toBeLessThan(4 * rmsError(UNITS));
  });

  it.each([-0.2, 0.2])(
    'a common error of the temperature of %d, unless the core is told another',
    async (common_ratio) => {
      const profile = profileWith({ noise: { temperature: { common_ratio } } });
      const power = async (options: Partial<TwinCoreOptions>): Promise<number> => {
        const core = await createTwinCore({ units: UNITS, threads: 1, ...options });
        core.load(harmonicProgram(UNITS));
        const codes = await core.run(schedule([phase(300)], { samples: 16, step_ns: 5 }));
        await core.close();
        return rms(codes) ** 2;
      };
      const ideal = await power({});
      // Linear units, the same random numbers: only the rounding of codes remains.
      expect(Math.abs((await power({ profile })) / ideal - 1 - common_ratio)).toBeLessThan(1e-3);
      expect(await power({ profile, noiseTemperatureError_ratio: 0 })).toBe(ideal);
    },
  );

  it.each([50, 200])('colour of %d ns: <x^2> = kT / (2 J2 (1 + 2 mu J2 tau))', async (correlation_ns) => {
    const [ideal, x2] = await Promise.all([
      secondMoments({}),
      secondMoments({ noise: { colour: { correlation_ns } } }),
    ]);
    const ratio = rms(x2.map(Math.sqrt)) ** 2 / rms(ideal.map(Math.sqrt)) ** 2;
    // 64 x 256 restarts, about 4 independent reads each: 0.6 %; the step adds up to half of it.
    expect(Math.abs(ratio * (1 + 2e-3 * correlation_ns) - 1)).toBeLessThan(4 * 0.006);
    expect(ratio).toBeLessThan(0.95);
  });

  it.each([0.05, 0.2])('colour that differs from unit to unit by %d', async (spread_ratio) => {
    const colour = { correlation_ns: 300 };
    const [same, x2] = await Promise.all([
      secondMoments({ noise: { colour } }),
      secondMoments({ noise: { colour: { ...colour, spread_ratio } } }),
    ]);
    // The same random numbers, so each unit's own scatter cancels; <x^2> of unit i ~ 1 / (1 + 2 mu J2 tau_i).
    const error = x2.map((m, unit) => ((1.6 * same[unit]) / m - 1) / 0.6 - 1);
    expect(Math.abs(rms(error) / spread_ratio - 1)).toBeLessThan(4 * rmsError(UNITS) + 0.03);
  });
});

describe('timing', () => {
  const f = 1.6;
  const at = (t: number): number => (f / 2) * (1 - Math.exp(-2 * t));
  // Rises under the field for 0.25 time units, then falls for 0.1.
  const run = schedule([phase(250, { field: push, readAtStep: [250] }), phase(100, { readAtStep: [100] })], {
    samples: 64,
    seed: 13n,
  });
  const mean = async (faults: Faults): Promise<[number, number]> => {
    const codes = await codesOf(faults, quiet(UNITS), run);
    const sum = [0, 0];
    codes.forEach((code, k) => (sum[Math.floor(k / UNITS) % 2] += code / 1024 / (64 * UNITS)));
    return [sum[0], sum[1]];
  };

  it.each([-0.1, 0.2])('clock wrong by %d', async (clock_ratio) => {
    const [rise, fall] = await mean({ timing: { clock_ratio } });
    expect(Math.abs(rise - at(0.25 * (1 + clock_ratio)))).toBeLessThan(1e-3);
    expect(Math.abs(fall / rise - Math.exp(-0.2 * (1 + clock_ratio)))).toBeLessThan(2e-3);
  });
  it.each([20, 100])('switch %d ns late', async (switchDelay_ns) => {
    const [rise, fall] = await mean({ timing: { switchDelay_ns } });
    expect(Math.abs(rise - at(0.25))).toBeLessThan(1e-3);
    expect(Math.abs(fall / at(0.25 + switchDelay_ns / 1000) - Math.exp(-0.2))).toBeLessThan(2e-3);
  });
  it.each([20, 100])('reads %d ns late', async (readDelay_ns) => {
    const [rise] = await mean({ timing: { readDelay_ns } });
    expect(Math.abs(rise - at(0.25 + readDelay_ns / 1000))).toBeLessThan(1e-3);
  });
});
