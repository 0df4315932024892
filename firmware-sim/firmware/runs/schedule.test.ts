// A schedule as the core gets it, and every way to ask for what cannot be timed.
import { describe, expect, it } from 'vitest';
import { Code, Detail, Initial, OverflowPolicy, SampleFormat } from '../../../src/link/messages/index.ts';
import type { Phase, StartRun } from '../../../src/link/messages/index.ts';
import { CAPABILITIES, startRun, UNITS } from '../board.test-support.ts';
import { planRun } from './schedule.ts';
import type { PlanContext } from './schedule.ts';

const FIELD_ID = new Uint8Array(32).fill(7);
const WIDE_ID = new Uint8Array(32).fill(8);
const field = { units: UNITS, code: Int16Array.of(1, 2, 3, 4, 5), scale_E0: 0.5 };
const context: PlanContext = {
  capabilities: CAPABILITIES,
  units: UNITS,
  noiseTemperatureCode: 3000,
  field: (id) => {
    if (id === Buffer.from(FIELD_ID).toString('hex')) return field;
    return id === Buffer.from(WIDE_ID).toString('hex') ? { ...field, units: 4 } : null;
  },
  drawSeed: () => 99n,
};
const base = startRun(new Uint8Array(32));
const plan = (changes: Partial<StartRun>) => planRun({ ...base, ...changes }, context);
const onePhase = (changes: Partial<Phase>, stepNs = 0) =>
  plan({ phase: [{ ...base.phase[1], ...changes }], stepNs });

describe('planRun', () => {
  it('plans a generation run', () => {
    const planned = plan({});
    if (!planned.ok) throw new Error(planned.status.message);
    const common = { field: null, noiseTemperatureCode: 3000, steps: 2500 };
    expect(planned.value).toEqual({
      token: 77n,
      units: 5,
      reads: 2,
      recordBytes: 18,
      totalBytes: 180,
      recordHeader: false,
      dropWithGap: false,
      fieldIds: [],
      run: {
        seed: 5n,
        firstSample: 0,
        samples: 10,
        step_ns: 1,
        phases: [
          { ...common, coupled: false, readAtStep: [] },
          { ...common, coupled: true, readAtStep: [0, 2500] },
        ],
      },
    });
  });

  it('draws a seed for a run without one, and takes 0 as a seed', () => {
    const seedOf = (changes: Partial<StartRun>): bigint | null => {
      const planned = plan(changes);
      return planned.ok ? planned.value.run.seed : null;
    };
    expect(seedOf({ seed: undefined })).toBe(99n);
    expect(seedOf({ seed: 0n })).toBe(0n);
  });

  it('unites single reads with the multiples, each step once, the start only when asked for', () => {
    const stepsOf = (changes: Partial<Phase>, stepNs = 1): unknown => {
      const planned = onePhase({ durationNs: 100n, readAtNs: [], ...changes }, stepNs);
      return planned.ok ? planned.value.run.phases[0].readAtStep : planned.status.message;
    };
    expect(stepsOf({ readEveryNs: 30n })).toEqual([30, 60, 90]);
    expect(stepsOf({ readEveryNs: 50n, readAtNs: [0n, 50n] })).toEqual([0, 50, 100]);
    expect(stepsOf({ readEveryNs: 50n, readAtNs: [20n, 60n] }, 10)).toEqual([2, 5, 6, 10]);
  });

  it('takes a field with its ramp, and the noise code of the phase', () => {
    const planned = onePhase({ fieldId: FIELD_ID, fieldFrom: 32768, fieldTo: -32768, noiseCode: 4095 });
    expect(planned.ok && planned.value.fieldIds).toEqual([Buffer.from(FIELD_ID).toString('hex')]);
    expect(planned.ok && planned.value.run.phases[0]).toMatchObject({
      field: { code: field.code, scale_E0: 0.5, from_q15: 32768, to_q15: -32768 },
      noiseTemperatureCode: 4095,
    });
  });

  const { phase } = base;
  const wrong: [string, Partial<StartRun>, RegExp][] = [
    ['no token', { runToken: 0n }, /run_token/],
    ['no initial state', { initial: Initial.UNSPECIFIED }, /initial state/],
    ['no samples', { samples: 0 }, /0 samples, allowed 1\.\./],
    ['too many samples', { samples: CAPABILITIES.samplesMax + 1 }, /1000001 samples/],
    ['no phases', { phase: [] }, /0 phases/],
    ['too many phases', { phase: [...phase, ...phase, ...phase] }, /6 phases/],
    ['too coarse a step', { stepNs: 11 }, /step of 11 ns, allowed 1\.\.10/],
    ['nothing to read', { phase: [phase[0]] }, /no phase reads/],
    [
      'to drop without headers',
      { onFull: OverflowPolicy.DROP_WITH_GAP },
      /DROP_WITH_GAP needs record_header/,
    ],
  ];
  it.each(wrong)('refuses %s', (_, changes, reason) => {
    const planned = plan(changes);
    expect(planned).toMatchObject({
      ok: false,
      status: { code: Code.INVALID_ARGUMENT, detail: Detail.BAD_SCHEDULE },
    });
    expect(planned.ok ? '' : planned.status.message).toMatch(reason);
  });

  const wrongPhases: [string, Partial<Phase>, RegExp, number?][] = [
    ['no duration', { durationNs: 0n }, /phase 1: 0 ns/],
    ['a duration between two steps', { durationNs: 2501n }, /2501 ns, a multiple of 2/, 2],
    ['too long a phase', { durationNs: CAPABILITIES.phaseNsMax + 1n }, /phase 1: 1000000001 ns/],
    ['a read behind the end', { readAtNs: [2501n] }, /2501 ns, behind its end at 2500/],
    ['reads that do not ascend', { readAtNs: [20n, 10n] }, /20 and 10 ns do not ascend/],
    ['the same read twice', { readAtNs: [20n, 20n] }, /do not ascend/],
    ['a read between two steps', { readAtNs: [3n] }, /3 ns is no multiple of 2/, 2],
    ['too many single reads', { readAtNs: [1n, 2n, 3n] }, /3 single reads, at most 2/],
    ['a fast record between two steps', { readEveryNs: 3n }, /every 3 ns/, 2],
    ['a fast record slower than its phase', { readEveryNs: 2501n }, /every 2501 ns/],
    ['more reads than a record holds', { durationNs: 1_000_000n, readEveryNs: 1n }, /1000000 reads/],
    ['a noise code beyond 12 bits', { noiseCode: 4096 }, /noise code 4096/],
    ['a ramp without a field', { fieldTo: 1 }, /ramp without a field/],
    ['half a field id', { fieldId: FIELD_ID.subarray(16) }, /16 bytes/],
    ['a ramp beyond 1', { fieldId: FIELD_ID, fieldFrom: 32769 }, /ramp 32769/],
    ['a field of another size', { fieldId: WIDE_ID }, /4 units, the program 5/],
  ];
  it.each(wrongPhases)('refuses %s', (_, changes, reason, stepNs = 1) => {
    const planned = onePhase(changes, stepNs);
    expect(planned).toMatchObject({ ok: false, status: { detail: Detail.BAD_SCHEDULE } });
    expect(planned.ok ? '' : planned.status.message).toMatch(reason);
  });

  it('says NOT_FOUND for a field that is not loaded', () => {
    expect(onePhase({ fieldId: new Uint8Array(32).fill(9) })).toMatchObject({
      ok: false,
      status: { code: Code.NOT_FOUND },
    });
  });

  it.each<[string, Partial<StartRun>]>([
    ['to keep the state', { initial: Initial.KEEP }],
    ['to begin in a field', { initial: Initial.FIELD }],
    ['an unnamed format', { format: SampleFormat.UNSPECIFIED }],
  ])('cannot %s', (_, changes) => {
    expect(plan(changes)).toMatchObject({ ok: false, status: { code: Code.UNIMPLEMENTED } });
  });

  it('heads records, and drops only where a record can hold the number lost', () => {
    const headed = { recordHeader: true, onFull: OverflowPolicy.DROP_WITH_GAP };
    expect(plan({ recordHeader: true })).toMatchObject({
      value: { recordBytes: 30, totalBytes: 300, recordHeader: true, dropWithGap: false },
    });
    expect(plan(headed)).toMatchObject({ value: { recordBytes: 30, dropWithGap: true } });
    const one = [{ ...base.phase[0], readAtNs: [0n] }];
    const small = { ...context, units: 2 };
    expect(planRun({ ...base, ...headed, phase: one }, small)).toMatchObject({
      status: { code: Code.INVALID_ARGUMENT, detail: Detail.BAD_SCHEDULE },
    });
    expect(planRun({ ...base, recordHeader: true, phase: one }, small).ok).toBe(true);
  });

  it('refuses a seed where the device takes none', () => {
    const chip = { ...context, capabilities: { ...CAPABILITIES, seed: false } };
    expect(planRun(base, chip)).toMatchObject({ ok: false, status: { code: Code.UNIMPLEMENTED } });
    expect(planRun({ ...base, seed: undefined }, chip).ok).toBe(true);
  });
});
