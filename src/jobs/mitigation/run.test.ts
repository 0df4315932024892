import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../clock/clock.ts';
import type { DeviceProgress, OperationOptions, RelaxRequest, RelaxResult } from '../../device/index.ts';
import { ditherProgram, emptyModel, quantise, type Rounding } from '../../physics/index.ts';
import { CAPABILITIES, FAKE_IDENTITY } from '../../../test/fakes/relax-device.ts';
import { normalise } from '../admission.ts';
import { runBatches } from '../early-stop/run.ts';
import { Stopped } from '../failure.ts';
import { readyProgram } from '../make-program.ts';
import type { JobRun, RunParts } from '../one-run.ts';
import { SampleEnergies } from '../sample-energies.ts';
import { SampleTap } from '../sample-tap.ts';

const UNITS = 6;
const model = { ...emptyModel(UNITS), biases: Float64Array.from({ length: UNITS }, (_, i) => 0.1 * i) };
for (let i = 0; i < UNITS; i++)
  for (let j = 0; j < UNITS; j++) if (i !== j) model.couplings[i * UNITS + j] = 0.1 + 0.01 * (i + j);
const nearest = quantise(model, CAPABILITIES.ranges);
const energies = new SampleEnergies();
afterAll(() => energies.close());

/** Answers with its number of the run in every code. */
class CountingDevice {
  readonly requests: RelaxRequest[] = [];
  identity = FAKE_IDENTITY;
  /** Called when run k (from 0) begins. */
  onRun: (run: number) => void = () => undefined;

  async relax(request: RelaxRequest, options: OperationOptions): Promise<RelaxResult> {
    this.onRun(this.requests.length);
    options.signal?.throwIfAborted();
    this.requests.push(request);
    const { samples } = request;
    const codes = new Int16Array(samples * UNITS).fill(100 * this.requests.length);
    options.onProgress?.({ phase: 'relaxing', done: 0, total: samples });
    options.onProgress?.({ phase: 'reading', done: samples, total: samples });
    if (options.wantsSamples?.() !== false) options.onSamples?.(codes, 0);
    return Promise.resolve({
      ...{ codes, samples, units: UNITS, stateScale: 2 ** -10, step_s: 1e-9, noiseTemperature_ratio: 1 },
      programId: request.image?.id ?? '',
      digest: createHash('sha256').update(codes).digest('hex'),
      reads: [{ time_s: 2.5e-6, label: 'read' as const }],
      seed: request.seed?.toString() ?? null,
      timing: {
        ...{ upload_s: 0.1, relax_s: 0.2, total_s: 0.3, sentBytes: 100 },
        ...{ skippedUpload: false, patchedUpload: false },
      },
      device: this.identity,
    });
  }
}

function run(
  device: RunParts['device'],
  change: Partial<RunParts> & { dither?: number; count?: number } = {},
) {
  const { dither = 4, count = 10, ...parts } = change;
  const job = normalise({
    ...{ mode: 'relax', model: 'm', device: { id: 'd' }, relax: { duration_s: 2.5e-6 }, seed: 7 },
    ...{ samples: { count }, mitigation: { dither }, record: { heat: false } },
  });
  const make = (rounding: Rounding) => Promise.resolve(readyProgram(ditherProgram(nearest, model, rounding)));
  const whole: RunParts = {
    ...{ device, job, energies, clock: systemClock, ready: readyProgram(nearest), makeRounding: make },
    source: {
      ...{ job: 'j', attempt: 1, keyId: null, device: 'd', stateScale: 2 ** -10 },
      shape: [count, 1, UNITS],
    },
    deviceTime: { during: (work) => work() },
    samples: new SampleTap(() => undefined),
    pace: { next: async (wanted) => wanted, ran: () => undefined },
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...parts,
  };
  return runBatches(whole);
}

describe('a dithered job', () => {
  it('runs its roundings in parts where the pace asks for them, each with its own digest over them', async () => {
    const device = new CountingDevice();
    const pace = { next: async (wanted: number) => Math.min(2, wanted), ran: () => undefined };
    const { run: merged, pieces } = await run(device, { pace, dither: 2, count: 6 });
    expect(device.requests.map(({ samples }) => samples)).toEqual([2, 1, 2, 1]);
    expect(new Set(device.requests.map(({ seed }) => seed)).size).toBe(4);
    expect(pieces.map((piece) => piece.run.samples)).toEqual([3, 3]);
    expect(merged.samples).toBe(6);
  });

  it('runs each rounding with its share, and merges them in order', async () => {
    const device = new CountingDevice();
    const { run: merged, pieces, dither, earlyStop } = await run(device);
    expect(device.requests.map(({ samples }) => samples)).toEqual([3, 3, 2, 2]);
    expect(merged.samples).toBe(10);
    expect([0, 3, 6, 8].map((sample) => merged.codes[sample * UNITS])).toEqual([100, 200, 300, 400]);
    expect(earlyStop).toBeNull();
    expect(pieces.map(({ program }) => program.couplingCode)).toEqual(
      device.requests.map(({ program }) => program.couplingCode),
    );
    const ids = dither?.roundings.map(({ programDigest }) => programDigest) ?? [];
    expect(new Set(ids).size).toBe(4);
    expect(merged.programId).toBe(
      createHash('sha256')
        .update(Buffer.from(ids.join(''), 'hex'))
        .digest('hex'),
    );
    expect(merged.timing).toMatchObject({ sentBytes: 400, total_s: expect.closeTo(1.2, 9) as number });
    // Run k has 100 k / 1024 at every unit.
    expect(dither?.observables[1]).toMatchObject({ name: 'mean_x' });
    expect(dither?.observables[1].value).toBeCloseTo((3 * 100 + 3 * 200 + 2 * 300 + 2 * 400) / 10 / 1024, 12);
    expect(dither?.observables[1].spread).toBeCloseTo(Math.sqrt(50_000 / 3) / 1024, 12);
  });

  it('counts its samples through, in progress and in the stream', async () => {
    const progress: DeviceProgress[] = [];
    const firsts: number[] = [];
    const samples = new SampleTap(() => undefined);
    samples.watch({ wants: () => true, onSamples: (_source, _codes, first) => firsts.push(first) });
    await run(new CountingDevice(), { samples, onProgress: (each) => progress.push(each) });
    expect(firsts).toEqual([0, 3, 6, 8]);
    const done = progress.map((each) => each.done);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(progress.at(-1)).toEqual({ phase: 'reading', done: 10, total: 10 });
  });

  it('ends with the reason of the signal between two roundings', async () => {
    const abort = new AbortController();
    const device = new CountingDevice();
    device.onRun = (k) => k === 2 && abort.abort(new Stopped('cancel'));
    await expect(run(device, { signal: abort.signal })).rejects.toBeInstanceOf(Stopped);
    expect(device.requests).toHaveLength(2);
  });

  it('ends when the device becomes another one', async () => {
    const device = new CountingDevice();
    device.onRun = (k) => {
      if (k === 1) device.identity = { ...FAKE_IDENTITY, bootId: 'other' };
    };
    await expect(run(device)).rejects.toMatchObject({ code: 'link-lost' });
  });

  it('ends when a rounding cannot be made, also one that nobody waits for any more', async () => {
    let made = 0;
    const broken = (rounding: Rounding) =>
      ++made > 2
        ? Promise.reject(new Error('the blob is gone'))
        : Promise.resolve(readyProgram(ditherProgram(nearest, model, rounding)));
    await expect(run(new CountingDevice(), { makeRounding: broken })).rejects.toThrow('the blob is gone');
    made = 1;
    const device = new CountingDevice();
    device.onRun = () => {
      throw new Error('no answer');
    };
    const failed: Promise<JobRun> = run(device, { makeRounding: broken });
    await expect(failed).rejects.toThrow('no answer');
    expect(made).toBe(3);
  });
});
