// The core as the firmware sees it: the same samples however the work is split, and refusals that change nothing.
import { afterAll, describe, expect, it } from 'vitest';
import {
  phase,
  randomCodes,
  REFERENCE_CODE,
  referenceProgram,
  schedule,
  seededRandom,
} from '../../test/support/core-programs.ts';
import type { AnalogCore, CorePhase, CoreProgram, CoreRun } from './index.ts';
import { CoreError, CoreRefusal, createTwinCore } from './index.ts';

const UNITS = 30;
const cores = new Map<number, Promise<AnalogCore>>();
/** The one core with so many threads; tests that share it load what they need. */
function core(threads: number): Promise<AnalogCore> {
  const made =
    cores.get(threads) ?? createTwinCore({ units: UNITS, threads, noiseTemperatureError_ratio: 0 });
  cores.set(threads, made);
  return made;
}
afterAll(() => Promise.all([...cores.values()].map(async (c) => (await c).close())));

function coupledProgram(): CoreProgram {
  const random = seededRandom(3);
  return referenceProgram(UNITS, {
    couplingCode: randomCodes((UNITS * (UNITS - 1)) / 2, 2047, random),
    biasCode: randomCodes(UNITS, 500, random),
  });
}

function relaxation(change: Partial<CoreRun> = {}): CoreRun {
  const phases = [phase(40, { readAtStep: [] }), phase(60, { coupled: true, readAtStep: [0, 60] })];
  return schedule(phases, { seed: 0xfeed_0000_0001n, firstSample: 7, samples: 70, step_ns: 5, ...change });
}

function refusal(act: () => void): CoreRefusal {
  try {
    act();
  } catch (error) {
    if (error instanceof CoreRefusal) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('samples do not depend on how the work is done', () => {
  it('with 1, 2 and 3 threads, again and again', async () => {
    const results: Int16Array[] = [];
    for (const threads of [1, 2, 3]) {
      const c = await core(threads);
      c.load(coupledProgram());
      results.push(await c.run(relaxation()), await c.run(relaxation()));
    }
    expect(new Set(results[0]).size).toBeGreaterThan(100);
    for (const codes of results) expect(codes).toEqual(results[0]);
  });

  it('split into batches', async () => {
    const c = await core(2);
    c.load(coupledProgram());
    const whole = await c.run(relaxation());
    const parts: number[] = [];
    for (const [firstSample, samples] of [
      [7, 1],
      [8, 32],
      [40, 37],
    ]) {
      parts.push(...(await c.run(relaxation({ firstSample, samples }))));
    }
    expect(parts).toEqual([...whole]);
  });

  it('but on the seed and the sample', async () => {
    const c = await core(1);
    c.load(coupledProgram());
    const base = await c.run(relaxation({ samples: 1 }));
    expect(await c.run(relaxation({ samples: 1, seed: 0xfeed_0000_0002n }))).not.toEqual(base);
    expect(await c.run(relaxation({ samples: 1, seed: 0xfeee_0000_0001n }))).not.toEqual(base);
    expect(await c.run(relaxation({ samples: 1, firstSample: 8 }))).not.toEqual(base);
  });

  it('keeps its own copy of a program', async () => {
    const c = await core(1);
    const program = coupledProgram();
    c.load(program);
    const before = await c.run(relaxation({ samples: 2 }));
    program.biasCode.fill(2047);
    program.couplingCode.fill(0);
    expect(await c.run(relaxation({ samples: 2 }))).toEqual(before);
  });
});

describe('one operation at a time', () => {
  const long = (): CoreRun => schedule([phase(50_000_000, { coupled: true })], { samples: 64 });

  it('gives up a run with the reason of the signal, and is ready for the next', async () => {
    const c = await core(2);
    c.load(coupledProgram());
    const expected = await c.run(relaxation());
    const abort = new AbortController();
    const running = c.run(long(), abort.signal);
    expect(() => c.load(coupledProgram())).toThrow(CoreError);
    await expect(c.run(relaxation())).rejects.toMatchObject({ code: 'busy', retryable: true });
    setImmediate(() => abort.abort(new Error('stop pressed')));
    await expect(running).rejects.toThrow('stop pressed');
    expect(await c.run(relaxation())).toEqual(expected);
    await expect(c.run(relaxation(), AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  });

  it('ends a run when the core is closed', async () => {
    const c = await createTwinCore({ units: UNITS, threads: 2, noiseTemperatureError_ratio: 0 });
    c.load(coupledProgram());
    const running = c.run(long());
    const outcome = expect(running).rejects.toMatchObject({ code: 'worker-failed' });
    await c.close();
    await outcome;
    await expect(c.run(relaxation())).rejects.toMatchObject({ code: 'worker-failed' });
  });

  it('needs a program', async () => {
    const c = await createTwinCore({ units: UNITS, threads: 1, noiseTemperatureError_ratio: 0 });
    expect(() => c.check(relaxation())).toThrow(CoreError);
    await expect(c.run(relaxation())).rejects.toMatchObject({ code: 'no-program', retryable: false });
    await c.close();
  });

  it.each([
    { units: 0, threads: 1, noiseTemperatureError_ratio: 0 },
    { units: 4097, threads: 1, noiseTemperatureError_ratio: 0 },
    { units: 8, threads: 0, noiseTemperatureError_ratio: 0 },
    { units: 8, threads: 1, noiseTemperatureError_ratio: -1 },
    { units: 8, threads: 1, noiseTemperatureError_ratio: Number.NaN },
  ])('cannot be built with %j', async (options) => {
    await expect(createTwinCore(options)).rejects.toMatchObject({ code: 'bad-options' });
  });
});

describe('load refuses what it cannot represent', () => {
  const wrong: [string, (p: CoreProgram) => void, RegExp][] = [
    ['too many units', (p) => (p.units = 31), /31; allowed are integers from 1 to 30/],
    ['a short block', (p) => (p.biasCode = new Int16Array(29)), /bias has 29 codes; expected 30/],
    ['a code of -2048', (p) => (p.couplingCode[4] = -2048), /coupling code 4 is -2048/],
    ['J4 of 0', (p) => (p.j4Code[2] = 0), /J4 code 2 is 0; allowed are 1 to 2047/],
    ['a noise code of 0', (p) => (p.noiseTemperatureCode = 0), /noise temperature code is 0/],
    ['a scale of NaN', (p) => (p.scale.j2_E0 = Number.NaN), /J2 scale is NaN/],
    ['another converter', (p) => (p.scale.state = 1e-3), /state scale is 0.001/],
  ];
  it.each(wrong)('%s', async (_, spoil, message) => {
    const c = await core(1);
    c.load(coupledProgram());
    const before = await c.run(relaxation({ samples: 1 }));
    const program = coupledProgram();
    spoil(program);
    const error = refusal(() => c.load(program));
    expect(error.reason).toBe('bad-program');
    expect(error.message).toMatch(message);
    expect(await c.run(relaxation({ samples: 1 }))).toEqual(before);
  });

  it('couplings that no step could follow, with number and limit', async () => {
    const c = await core(1);
    const program = coupledProgram();
    program.couplingCode.fill(2047);
    program.scale.coupling_E0 = 0.1;
    const error = refusal(() => c.load(program));
    expect(error.reason).toBe('headroom');
    expect(error.message).toMatch(
      /couplings of a row can move a unit by 11\.87 in one step of 1 ns.* below 2/,
    );
  });
});

describe('check refuses what it cannot run', () => {
  const reject = async (run: CoreRun, program = coupledProgram()): Promise<CoreRefusal> => {
    const c = await core(1);
    c.load(program);
    return refusal(() => c.check(run));
  };

  const field = { code: new Int16Array(UNITS), scale_E0: 1e-3, from_q15: 0, to_q15: 0 };
  const wrong: [string, Partial<CorePhase>][] = [
    ['no step', { steps: 0 }],
    ['half a step', { steps: 1.5 }],
    ['a read after the end', { readAtStep: [11] }],
    ['a step read twice', { readAtStep: [3, 3] }],
    ['descending reads', { readAtStep: [3, 2] }],
    ['a noise code of 0', { noiseTemperatureCode: 0 }],
    ['a ramp above 1', { field: { ...field, to_q15: 32769 } }],
    ['a field of another size', { field: { ...field, code: new Int16Array(3) } }],
    ['no read at all', { readAtStep: [] }],
  ];
  it.each(wrong)('%s', async (_, change) => {
    expect((await reject(schedule([phase(10, change)]))).reason).toBe('bad-schedule');
  });

  const wrongRuns: [string, Partial<CoreRun>][] = [
    ['no samples', { samples: 0 }],
    ['a sample beyond the counter', { firstSample: 2 ** 32 - 1, samples: 2 }],
    ['a seed of 65 bits', { seed: 1n << 64n }],
    ['a negative seed', { seed: -1n }],
    ['no time step', { step_ns: 0 }],
    ['a fraction of a nanosecond', { step_ns: 2.5 }],
    ['no phase', { phases: [] }],
  ];
  it.each(wrongRuns)('%s', async (_, change) => {
    expect((await reject(schedule([phase(10)], change))).reason).toBe('bad-schedule');
  });

  it('a step at the stability limit of the uncoupled unit at the rails: 2 / (2 + 48) = 40 ns', async () => {
    const program = referenceProgram(UNITS);
    const error = await reject(schedule([phase(10)], { step_ns: 40 }), program);
    expect(error.reason).toBe('unstable-step');
    expect(error.message).toMatch(/40 ns is not below 40\.00 ns/);
    const c = await core(1);
    c.load(program);
    c.check(schedule([phase(10)], { step_ns: 39 }));
  });

  it('an earlier limit when couplings act', async () => {
    const c = await core(1);
    const program = coupledProgram();
    program.scale.coupling_E0 = 5.5e-4;
    c.load(program);
    c.check(schedule([phase(10)], { step_ns: 30 }));
    const error = refusal(() => c.check(schedule([phase(10, { coupled: true })], { step_ns: 30 })));
    expect(error.reason).toBe('unstable-step');
  });

  it('couplings that push too hard for the step, unless they rest', async () => {
    const c = await core(1);
    const program = coupledProgram();
    // A star: unit 0 feels all others (row sum 29 * 2047 codes = 118.7 E0), the norm stays far below.
    program.couplingCode.fill(0).fill(2047, 0, UNITS - 1);
    program.scale.coupling_E0 = 2e-3;
    c.load(program);
    c.check(schedule([phase(10)], { step_ns: 10 }));
    c.check(schedule([phase(10, { coupled: true })], { step_ns: 8 }));
    const error = refusal(() => c.check(schedule([phase(10, { coupled: true })], { step_ns: 10 })));
    expect(error.reason).toBe('headroom');
    expect(error.message).toMatch(/move a unit by 2\.374 in one step of 10 ns/);
  });

  it('noise that rounds away', async () => {
    const program = referenceProgram(UNITS);
    program.scale.noiseTemperature_E0 = 1e-11 / REFERENCE_CODE;
    const error = await reject(schedule([phase(10)]), program);
    expect(error.reason).toBe('noise-underflow');
    expect(error.message).toMatch(/1\.414e-7 per step of 1 ns .* below 2\.132e-7/);
  });
});
