// One relax job on its device: program, run, heat, blobs. Returns what the completing commit has to write.
import type { Clock } from '../clock/clock.ts';
import type { DeviceProgress, RelaxResult } from '../device/index.ts';
import { heatSummary_kT, type QuantisedProgram } from '../physics/index.ts';
import {
  digestOf,
  SMALL_BLOB_BYTES,
  type Digest,
  type JobPhase,
  type JobRow,
  type SampleSetRow,
  type Store,
} from '../store/index.ts';
import { checkBackend, checkSchedule } from './admission.ts';
import { NOISE_TEMPERATURE } from './calibration-port.ts';
import type { RelaxDevice } from './device-port.ts';
import { runBatches } from './early-stop/run.ts';
import { JobError } from './errors.ts';
import { FaultsSeen } from './faults-seen.ts';
import { totalEnergy_J, type AttemptEnergy, type AttemptMeter } from './heat-ledger/index.ts';
import type { HeldTime } from './held-time.ts';
import { kTOfRun_E0, type JobRun, type RunParts } from './one-run.ts';
import { heatOf_kT, heatReads, signedSums_kT } from './heat.ts';
import type { Pace } from './pacing/pace.ts';
import type { Programs } from './programs.ts';
import { conditionsOf } from './requirements/conditions.ts';
import { readRequirements, type RequirementReadings } from './requirements/readings.ts';
import { requirementUnmet } from './requirements/unmet.ts';
import type { AdmittedRelaxJob, JobHeat, JobResult } from './request.ts';
import type { SampleEnergies } from './sample-energies.ts';
import type { SampleSource, SampleTap } from './sample-tap.ts';

/** Default step of the twin in units of the time unit; larger steps are the fast mode (decisions 2). */
const EXACT_STEP = 0.001;

export interface RelaxWork {
  store: Store;
  programs: Programs;
  energies: SampleEnergies;
  samples: SampleTap;
  clock: Clock;
  device: RelaxDevice;
  deviceTime: HeldTime;
  meter: AttemptMeter;
  pace: Pace;
  job: JobRow;
  signal: AbortSignal;
  onProgress(phase: JobPhase, done: number, total: number): void;
  /** What is on the device now. */
  onProgram?(program: QuantisedProgram, run: RelaxResult): void;
}

export interface RelaxOutcome {
  result: JobResult;
  sampleSet: Omit<SampleSetRow, 'id' | 'createdAt_ms'>;
  /** What the result names and the completing commit has to store; larger blobs are there already. */
  smallBlobs: Uint8Array[];
}

/** Runs the job; rejects with what went wrong, also after an abort that came too late for the device. */
export async function runRelax(work: RelaxWork): Promise<RelaxOutcome> {
  const { store, device, signal } = work;
  const job = work.job.request as unknown as AdmittedRelaxJob;
  const { capabilities } = device;
  if (capabilities === null) throw new JobError('device-offline', `device ${device.id} has not answered yet`);
  checkBackend(job, device);
  const model = await store.models.find(work.job.model);
  if (model === null) throw new JobError('unknown-model', `there is no model ${work.job.model}`);
  const { ranges } = capabilities;
  const nearest = await work.programs.of(model, ranges);
  checkSchedule(job, nearest.program, capabilities);
  const clockScale = job.clock?.scale;
  const ready = clockScale === undefined ? nearest : await work.programs.of(model, ranges, clockScale);
  const { program } = ready;
  const makeRounding: RunParts['makeRounding'] = (rounding) =>
    work.programs.make(model, ranges, { rounding, clockScale });
  const requirements = await requirementsAtStart(work, job);
  signal.throwIfAborted();
  const onProgress = ({ phase, done, total }: DeviceProgress): void => work.onProgress(phase, done, total);
  const source = sampleSource(work, job, program);
  const seen = new FaultsSeen(device);
  work.meter.begin();
  const parts = { ...work, job, ready, makeRounding, source, onProgress };
  const made = await runBatches(parts).finally(() => seen.end());
  const { run, earlyStop, dither } = made;
  const pacing = work.pace.facts();
  const energy = await work.deviceTime.during(() => work.meter.end());
  const left = made.pieces[made.pieces.length - 1];
  work.onProgram?.(left.program, left.run);
  signal.throwIfAborted();
  work.onProgress('finishing', run.samples, run.samples);
  const noiseTemperature_E0 = kTOfRun_E0(program, run);
  const smallBlobs: Uint8Array[] = [];
  const keep = (bytes: Uint8Array): Promise<Digest> => keepBlob(store, smallBlobs, bytes);
  const heat = await storeHeat(work, made, noiseTemperature_E0, keep);
  const blob = await keep(littleEndian(run.codes));
  signal.throwIfAborted();
  const calibration = await store.activeCalibrations.current(run.device.uid, NOISE_TEMPERATURE);
  const result: JobResult = {
    samples: {
      shape: [run.samples, run.reads.length, run.units],
      dtype: 'int16',
      reads: run.reads,
      stateScale: run.stateScale,
      blob,
      bytes: run.codes.byteLength,
      wireDigest: run.digest,
    },
    heat,
    heatReason: heat === null ? 'the job was not asked to record the switch-on read (record.heat)' : null,
    ...energyOf(energy),
    ...(earlyStop !== null && { earlyStop }),
    ...(dither !== null && { dither: { observables: dither.observables } }),
    ...(pacing !== null && { pacing }),
    timing: run.timing,
    provenance: {
      device: device.id,
      deviceUid: run.device.uid,
      backend: run.device.backend,
      faultsActive: seen.any,
      bootId: run.device.bootId,
      firmware: run.device.firmware,
      schemaHash: run.device.schemaHash,
      clock: run.device.clock,
      model: work.job.model,
      programDigest: run.programId,
      seed: run.seed,
      step_s: run.step_s,
      fastMode: run.step_s * (clockScale ?? 1) > EXACT_STEP * capabilities.timeUnit_s * (1 + 1e-9),
      noiseTemperature_ratio: run.noiseTemperature_ratio,
      noiseTemperature_E0,
      ...(clockScale !== undefined && { clockScale }),
      ...(dither !== null && { roundings: dither.roundings }),
      calibration: calibration?.id ?? null,
      ...(requirements !== null && { requirements }),
    },
  };
  return { result, sampleSet: sampleSetOf(work, run, blob, heat), smallBlobs };
}

/**
 * What the job requires as it is now, beside what it was at admission; null: it requires nothing.
 * @throws JobError requirement-unmet
 */
async function requirementsAtStart(
  { device, store, clock, deviceTime, job: row }: RelaxWork,
  { require }: AdmittedRelaxJob,
): Promise<NonNullable<JobResult['provenance']['requirements']> | null> {
  if (require === undefined) return null;
  if (require.maxDieTemperature_C !== undefined)
    await deviceTime.during(async () => device.telemetry?.readNow());
  const start = readRequirements(
    require,
    await conditionsOf(device, store, clock.wall_ms()),
    clock.wall_ms(),
  );
  if (!start.met) throw requirementUnmet(start);
  return { admission: row.requirements as unknown as RequirementReadings | null, start };
}

function energyOf({ energy_J, reason }: AttemptEnergy): Pick<JobResult, 'energy_J' | 'energyReason'> {
  return {
    energy_J: energy_J === null ? null : { ...energy_J, total: totalEnergy_J(energy_J) },
    energyReason: reason,
  };
}

function sampleSource(work: RelaxWork, job: AdmittedRelaxJob, program: QuantisedProgram): SampleSource {
  const reads = job.relax.readAt_s.length + (job.record.heat ? 1 : 0);
  return {
    job: work.job.id,
    attempt: work.job.attempts.length,
    keyId: work.job.keyId,
    device: work.device.id,
    shape: [job.samples.count, reads, program.units],
    stateScale: program.scale.state,
  };
}

/** A small blob waits for the completing commit (decision 13: one sync for all of it); a larger one is stored now. */
async function keepBlob(
  store: Pick<Store, 'blobs'>,
  small: Uint8Array[],
  bytes: Uint8Array,
): Promise<Digest> {
  if (bytes.length > SMALL_BLOB_BYTES) return store.blobs.put(bytes);
  small.push(bytes);
  return digestOf(bytes);
}

async function storeHeat(
  work: RelaxWork,
  { run, pieces }: JobRun,
  noiseTemperature_E0: number,
  keep: (bytes: Uint8Array) => Promise<Digest>,
): Promise<JobHeat | null> {
  const between = heatReads(run.reads);
  if (between === null) return null;
  const reads = [between.switchOnRead, between.endRead];
  const perSample = new Float64Array(run.samples);
  let from = 0;
  for (const piece of pieces) {
    const energies_E0 = await work.energies.of(piece.program, piece.run, reads, work.signal);
    perSample.set(heatOf_kT(energies_E0, noiseTemperature_E0), from);
    from += piece.run.samples;
  }
  const summary = heatSummary_kT(perSample);
  return {
    mean_kT: summary.mean,
    sd_kT: summary.sd,
    stderr_kT: summary.stderr,
    n: summary.n,
    until_s: run.reads[between.endRead].time_s,
    ...signedSums_kT(perSample),
    blob: await keep(littleEndian(perSample)),
  };
}

function sampleSetOf(
  work: RelaxWork,
  run: RelaxResult,
  blob: Digest,
  heat: JobHeat | null,
): RelaxOutcome['sampleSet'] {
  return {
    jobId: work.job.id,
    device: work.device.id,
    backend: run.device.backend,
    model: work.job.model,
    blob,
    bytes: run.codes.byteLength,
    samples: run.samples,
    units: run.units,
    reads: run.reads,
    stateScale: run.stateScale,
    heatBlob: heat?.blob ?? null,
  };
}

/** The bytes of numbers, little-endian as the machine is (x64, arm64). */
function littleEndian(numbers: Int16Array | Float64Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}
