// Dithered jobs and jobs on a faster clock against the real twin: what is sent is what the provenance says, samples come closer
// to the exact answer than with the nearest codes, and a faster clock gives the samples of the slow one.
import { createHash, createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyIdOf, verifyCertificate } from '../../src/certificate/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { Device } from '../../src/device/index.ts';
import {
  createJobRunner,
  readJobSamples,
  type JobResult,
  type JobRunner,
  type RelaxJobRequest,
} from '../../src/jobs/index.ts';
import {
  ditherProgram,
  emptyModel,
  encodeProgramImage,
  quantise,
  summarise,
  type Model,
  type ProgramRanges,
} from '../../src/physics/index.ts';
import { certificateOf } from '../../src/service/certificates/issue.ts';
import {
  encodeModelContent,
  openCertificateKeys,
  openStore,
  type JobRow,
  type Store,
} from '../../src/store/index.ts';
import { startMemoryTwin, type MemoryTwin } from '../support/memory-twin.ts';
import { seededRandom32 } from '../support/seeded-random.ts';

const UNITS = 16;
const LIMIT_MS = 60_000;
const J2_E0 = 0.1;
const KT_E0 = 0.02;
/** Full scale of a coarse DAC, whose codes are 0.0078 E0 apart. */
const COARSE_E0 = 16;
/** 0.45 of a code: the nearest one is none at all. */
const J_E0 = (0.45 * COARSE_E0) / 2047;

let dataDir: string;
let store: Store;
let twin: MemoryTwin;
let device: Device;
let runner: JobRunner;
let ranges: ProgramRanges;

/** The device with a coupling DAC that has one coarse range alone: the twin runs what it is given. */
function withCoarseCouplings(of: Device): Device {
  return new Proxy(of, {
    get(target, name) {
      if (name === 'id') return 'coarse';
      const value = Reflect.get(target, name, target) as unknown;
      if (name === 'capabilities' && target.capabilities !== null)
        return { ...target.capabilities, ranges: coarse(target.capabilities.ranges) };
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function coarse(of: ProgramRanges): ProgramRanges {
  return { ...of, coupling: { fullScaleMin_E0: COARSE_E0, fullScaleMax_E0: COARSE_E0 } };
}

/** Linear units (J4 as good as none), each coupled to each with the same J. */
function evenModel(): Model {
  const model = emptyModel(UNITS);
  model.couplings.fill(J_E0);
  for (let i = 0; i < UNITS; i++) model.couplings[i * UNITS + i] = 0;
  model.j2.fill(J2_E0);
  model.j4.fill(2e-4);
  return { ...model, noiseTemperature_E0: KT_E0 };
}

async function addModel(model: Model): Promise<string> {
  const bytes = encodeModelContent(model);
  const digest = await store.blobs.put(bytes);
  const facts = { units: model.units, name: null, metadata: {}, keyId: null };
  await store.models.add({ digest, blob: digest, bytes: bytes.length, ...facts });
  return digest;
}

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-mitigation-'));
  store = await openStore({ dataDir, clock: systemClock });
  twin = await startMemoryTwin({ units: UNITS });
  device = new Device({
    id: 'twin',
    url: 'memory:',
    openPort: () => twin.openPort(),
    clock: systemClock,
    random32: seededRandom32(5),
    hostVersion: 'test',
  });
  device.start();
  await device.whenReady(5000);
  ranges = device.capabilities?.ranges ?? { stateScale: 1 };
  const devices = new Map([
    ['twin', device],
    ['coarse', withCoarseCouplings(device)],
  ]);
  // A share so small that no probe is ever due: only which program would be probed is of interest.
  runner = createJobRunner({ store, clock: systemClock, devices, sentinels: { share: 1e-9 } });
  await runner.start();
});

afterAll(async () => {
  await runner.close();
  await device.close();
  await twin.close();
  await store.close();
  rmSync(dataDir, { recursive: true });
});

async function run(
  request: Partial<RelaxJobRequest> & Pick<RelaxJobRequest, 'model'>,
): Promise<{ job: JobRow; result: JobResult; codes: Int16Array }> {
  const { id } = await runner.submit({
    mode: 'relax',
    device: { id: 'twin' },
    relax: { duration_s: 2.5e-6 },
    samples: { count: 40 },
    ...request,
  });
  const job = await runner.waitForEnd(id, LIMIT_MS);
  expect(job).toMatchObject({ state: 'succeeded' });
  const codes = (await readJobSamples(store, id))?.codes ?? new Int16Array();
  return { job, result: job.result as unknown as JobResult, codes };
}

const imageDigest = (program: ReturnType<typeof quantise>): string =>
  createHash('sha256').update(encodeProgramImage(program)).digest('hex');

describe('a dithered job on the twin', () => {
  it('runs the roundings that its provenance names, and nobody else can change that', async () => {
    const exact = evenModel();
    const model = await addModel(exact);
    const { job, result, codes } = await run({
      model,
      device: { id: 'coarse' },
      samples: { count: 41 },
      seed: '7',
      mitigation: { dither: 4 },
    });
    const { roundings = [], programDigest } = result.provenance;
    expect(roundings.map(({ samples, mirrored }) => [samples, mirrored])).toEqual([
      [11, false],
      [10, true],
      [10, false],
      [10, true],
    ]);
    const nearest = quantise(exact, coarse(ranges));
    const rebuilt = roundings.map(({ roundingSeed, mirrored }) =>
      imageDigest(ditherProgram(nearest, exact, { seed: BigInt(roundingSeed), mirrored })),
    );
    expect(roundings.map((each) => each.programDigest)).toEqual(rebuilt);
    expect(new Set(rebuilt).size).toBe(4);
    const overAll = createHash('sha256')
      .update(Buffer.from(rebuilt.join(''), 'hex'))
      .digest('hex');
    expect(programDigest).toBe(overAll);
    expect(runner.drift('coarse')?.program).toBe(rebuilt[3]); // what it left on the device
    expect(result.samples.shape).toEqual([41, 2, UNITS]);
    expect(codes).toHaveLength(41 * 2 * UNITS);
    expect(result.heat?.n).toBe(41);
    const wires = Buffer.from(roundings.map(({ wireDigest }) => wireDigest).join(''), 'hex');
    expect(result.samples.wireDigest).toBe(createHash('sha256').update(wires).digest('hex'));

    const wall_ms = systemClock.wall_ms();
    const certificateKeys = await openCertificateKeys({ dataDir, wall_ms, idOf: keyIdOf });
    const issuer = { store, clock: systemClock, certificateKeys, version: 'test' };
    const keys = new Map(
      certificateKeys.published.map(({ id, publicKey }) => [id, createPublicKey(publicKey)]),
    );
    const text = (await certificateOf(issuer, job)) ?? '';
    const certificate = verifyCertificate(Buffer.from(text), keys);
    expect(certificate.program.roundings).toEqual(roundings);
    expect(certificate.dither).toEqual(result.dither);
    const forged = text.replace(roundings[0].programDigest, roundings[1].programDigest);
    expect(() => verifyCertificate(Buffer.from(forged), keys)).toThrow(/signature/);
  });

  it('is the same again with the same seed, and has other roundings with another', async () => {
    const model = await addModel(evenModel());
    const asked = { model, device: { id: 'coarse' }, mitigation: { dither: 3 } };
    const [first, again, other] = [
      await run({ ...asked, seed: '7' }),
      await run({ ...asked, seed: '7' }),
      await run({ ...asked, seed: '8' }),
    ];
    expect(again.codes).toEqual(first.codes);
    expect(again.result.provenance.roundings).toEqual(first.result.provenance.roundings);
    expect(again.result.dither).toEqual(first.result.dither);
    expect(other.result.provenance.programDigest).not.toBe(first.result.provenance.programDigest);
    const unseeded = [await run(asked), await run(asked)].map(
      ({ result }) => result.provenance.roundings?.[0].roundingSeed,
    );
    expect(new Set(unseeded).size).toBe(2);
  });

  // A = 2 J2 + J between all, so the even mode has the variance kT/(2 J2 + (N - 1) J), 26 % below that of no couplings.
  it('has the covariance of the couplings asked for, which the nearest codes do not', async () => {
    const exact = KT_E0 / (2 * J2_E0 + (UNITS - 1) * J_E0);
    const model = await addModel(evenModel());
    const evenMode = async (mitigation?: RelaxJobRequest['mitigation']) => {
      const { codes, result } = await run({
        model,
        device: { id: 'coarse' },
        relax: { duration_s: 25e-6, initial: { kind: 'thermal', prepare_s: 0 } },
        samples: { count: 2048 },
        seed: '11',
        step_s: 1e-8,
        record: { heat: false },
        ...(mitigation !== undefined && { mitigation }),
      });
      const squares = Array.from({ length: 2048 }, (_, k) => {
        const x = codes.subarray(k * UNITS, (k + 1) * UNITS);
        return (x.reduce((sum, code) => sum + code, 0) * result.samples.stateScale) ** 2 / UNITS;
      });
      const { mean, stderr } = summarise(squares);
      return { error: mean - exact, stderr };
    };
    const nearest = await evenMode();
    const dithered = await evenMode({ dither: 16 });
    expect(nearest.error / nearest.stderr).toBeGreaterThan(4);
    expect(Math.abs(dithered.error / dithered.stderr)).toBeLessThan(4);
    const difference = nearest.error - Math.abs(dithered.error);
    expect(difference / Math.hypot(nearest.stderr, dithered.stderr)).toBeGreaterThan(3);
  });
});

describe('a job on a faster clock', () => {
  it('has the samples and the heat of the slow one, in a fraction of the time', async () => {
    const model = emptyModel(UNITS);
    model.couplings[1] = model.couplings[UNITS] = 0.3;
    const digest = await addModel(model);
    const slow = await run({ model: digest, seed: '5', step_s: 4e-9, samples: { count: 200 } });
    const fast = await run({
      model: digest,
      seed: '5',
      step_s: 1e-9,
      samples: { count: 200 },
      clock: { scale: 4 },
    });
    expect(fast.result.samples.reads.at(-1)?.time_s).toBeCloseTo(2.5e-6 / 4, 12);
    expect(fast.result.provenance).toMatchObject({
      clockScale: 4,
      fastMode: true,
      noiseTemperature_E0: 4 * slow.result.provenance.noiseTemperature_E0,
    });
    expect(slow.result.provenance).not.toHaveProperty('clockScale');
    expect(fast.codes).toEqual(slow.codes);
    expect(fast.result.heat?.mean_kT).toBeCloseTo(slow.result.heat?.mean_kT ?? NaN, 9);
  });

  it('is refused where the full scales, the step or the times do not allow it', async () => {
    const model = await addModel(emptyModel(UNITS));
    const refused = (change: Partial<RelaxJobRequest>) =>
      runner
        .submit({
          ...{ mode: 'relax', model, device: { id: 'twin' }, relax: { duration_s: 2.5e-6 } },
          samples: { count: 1 },
          ...change,
        })
        .then(
          () => null,
          (error: unknown) => error,
        );
    const at = (pointer: string) => ({ errors: [expect.objectContaining({ pointer })] as unknown });
    // J2 = J4 = 1 with a quarter of headroom: 12.8 times fill the full scale of 16 E0.
    expect(await refused({ clock: { scale: 12.5 }, step_s: 1e-9 })).toMatchObject(at('/clock/scale'));
    const long = { relax: { duration_s: 3.2e-6 } };
    expect(await refused({ ...long, clock: { scale: 8 }, step_s: 2e-9 })).toMatchObject(at('/clock/scale'));
    expect(await refused({ clock: { scale: 3 } })).toMatchObject(at('/relax/duration_s'));
    expect(await refused({ clock: { scale: 5 } })).toBeNull();
  });
});
