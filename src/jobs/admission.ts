// Decides whether a request becomes a job: fills in the defaults and holds it against what the device says it can do.
// Pure; a refusal is a JobError that names every field it can.
import { CalibrationError } from '../calibration/index.ts';
import { DeviceError, planRelax, type RelaxRequest } from '../device/index.ts';
import type { ProgramImage, QuantisedProgram } from '../physics/index.ts';
import type { Digest, JsonObject } from '../store/index.ts';
import type { CalibrationProcedure } from './calibration-port.ts';
import type { RelaxDevice } from './device-port.ts';
import { JobError, type RefusedField } from './errors.ts';
import { checkMitigation, clockFlaw, mitigationOf } from './mitigation/admission.ts';
import { requireFlaws } from './requirements/require.ts';
import { JobPriority, type AdmittedRelaxJob, type RelaxJobRequest } from './request.ts';

const SEED_END = 1n << 64n;

/**
 * The request with every default, its numbers checked as far as that goes without a device.
 * @throws JobError validation-failed
 */
export function normalise(request: RelaxJobRequest): AdmittedRelaxJob {
  const { job, flaw } = readRequest(request);
  if (flaw !== null) throw flaw;
  return job;
}

/** The same for those who want to know more than the first thing that is wrong: `job` as it was asked for. */
export function readRequest(request: RelaxJobRequest): { job: AdmittedRelaxJob; flaw: JobError | null } {
  const errors: RefusedField[] = [];
  const job = withDefaults(request, errors);
  checkTimes(job, errors);
  above0(errors, '/noiseTemperature', job.noiseTemperature);
  if (job.step_s !== null) above0(errors, '/step_s', job.step_s);
  const { count } = job.samples;
  if (!Number.isInteger(count) || count < 1)
    errors.push({
      pointer: '/samples/count',
      detail: `${count} samples`,
      allowed: 'a whole number of at least 1',
    });
  checkTarget(job, errors);
  checkMitigation(job, errors);
  errors.push(...requireFlaws(job));
  return { job, flaw: errors.length > 0 ? refusal(errors) : null };
}

/** @throws JobError wrong-backend when the job demands another backend than the device has */
export function checkBackend(
  job: Pick<AdmittedRelaxJob, 'device'>,
  device: Pick<RelaxDevice, 'id' | 'backend'>,
): void {
  const demanded = job.device.backend;
  if (demanded === null || device.backend === null || demanded === device.backend) return;
  throw new JobError(
    'wrong-backend',
    `the job demands a ${demanded}, and device ${device.id} is a ${device.backend}`,
    { errors: [{ pointer: '/device/backend', detail: `is a ${device.backend}`, allowed: device.backend }] },
  );
}

/**
 * When the job is not to be started any more, in ms since the epoch; null: whenever its turn comes.
 * @throws JobError validation-failed when that is not a time, or over already
 */
export function deadlineOf_ms(
  { deadline }: Pick<AdmittedRelaxJob, 'deadline'>,
  now_ms: number,
): number | null {
  if (deadline === null) return null;
  const at_ms = Date.parse(deadline);
  if (at_ms > now_ms) return at_ms;
  const allowed = 'a time (ISO 8601) that is not over yet';
  throw refusal([{ pointer: '/deadline', detail: `a deadline of ${deadline}`, allowed }]);
}

/** Ready or at work. */
export const isOnline = ({ state }: Pick<RelaxDevice, 'state'>): boolean =>
  state === 'ready' || state === 'running';

/** @throws JobError device-offline when the device is neither ready nor at work */
export function checkOnline(device: Pick<RelaxDevice, 'id' | 'state' | 'reason'>): void {
  if (isOnline(device)) return;
  const why = device.reason === null ? '' : `: ${device.reason.message}`;
  throw new JobError('device-offline', `device ${device.id} is ${device.state}${why}`);
}

/**
 * Holds a job against the capabilities of its device, by the planner that will make the schedule: times in whole
 * steps, reads inside, numbers of samples and reads, record size, range of the noise temperature, seeds, the clock.
 * @param program on the clock of the model, as the nearest codes
 * @throws JobError validation-failed with the pointer into the job body
 */
export function checkSchedule(
  job: AdmittedRelaxJob,
  program: QuantisedProgram,
  capabilities: NonNullable<RelaxDevice['capabilities']>,
): void {
  const { clock } = job;
  try {
    planRelax(largestRun(job, { program }), capabilities);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    const pointer = bodyPointer(error.pointer ?? '');
    const inDeviceTime = clock !== undefined && pointer.startsWith('/relax');
    const detail = inDeviceTime
      ? `${error.message} (times of the device are those of the job over a clock.scale of ${clock.scale})`
      : error.message;
    throw refusal([{ pointer, detail, allowed: error.allowed ?? null }], error);
  }
  const flaw = clockFlaw(job, program, capabilities);
  if (flaw !== null) throw refusal([flaw]);
}

/**
 * Options of a calibration that the device cannot serve, before they are queued; a device that was never seen is asked
 * when the calibration runs.
 */
export function checkCalibration<D extends RelaxDevice>(
  procedure: CalibrationProcedure<D>,
  device: D,
  options: JsonObject,
): void {
  if (device.capabilities === null) return;
  try {
    procedure.check(options, device.capabilities);
  } catch (error) {
    if (!(error instanceof CalibrationError || error instanceof DeviceError)) throw error;
    const pointer = `/options${error.pointer ?? ''}`;
    throw refusal([{ pointer, detail: error.message, allowed: error.allowed ?? null }], error);
  }
}

/** The same for the run with the most samples: of a dithered job each has its share. */
export function largestRun(job: AdmittedRelaxJob, of: Parameters<typeof relaxRequest>[1]): RelaxRequest {
  const count = Math.ceil(job.samples.count / (job.mitigation?.dither ?? 1));
  return relaxRequest({ ...job, samples: { count } }, of);
}

/** What the device is asked for this job. */
export function relaxRequest(
  job: AdmittedRelaxJob,
  of: { program: QuantisedProgram; image?: ProgramImage },
): RelaxRequest {
  const { scale } = job.clock ?? { scale: 1 };
  return {
    ...of,
    samples: job.samples.count,
    duration_s: job.relax.duration_s / scale,
    readAt_s: job.relax.readAt_s.map((time_s) => time_s / scale),
    prepare_s: job.relax.initial.prepare_s / scale,
    recordSwitchOn: job.record.heat,
    noiseTemperature_ratio: job.noiseTemperature,
    ...(job.seed !== null && { seed: BigInt(job.seed) }),
    ...(job.step_s !== null && { step_s: job.step_s }),
  };
}

function withDefaults(request: RelaxJobRequest, errors: RefusedField[]): AdmittedRelaxJob {
  const { relax } = request;
  return {
    mode: 'relax',
    model: request.model as Digest,
    device: { id: request.device.id, backend: request.device.backend ?? null },
    relax: {
      duration_s: relax.duration_s,
      readAt_s: relax.readAt_s ?? [relax.duration_s],
      initial: { kind: 'thermal', prepare_s: relax.initial?.prepare_s ?? relax.duration_s },
    },
    noiseTemperature: request.noiseTemperature ?? 1,
    samples: samplesOf(request.samples),
    seed: request.seed === undefined ? null : seedText(request.seed, errors),
    step_s: request.step_s ?? null,
    record: { heat: request.record?.heat ?? true },
    ...mitigationOf(request),
    labels: request.labels ?? {},
    priority: priorityName(request.priority ?? 'normal', errors),
    retry: request.retry ?? 'auto',
    deadline: request.deadline ?? null,
    ...(request.require !== undefined && { require: request.require }),
    onUnmet: request.onUnmet ?? 'reject',
  };
}

/** Without a target the member is absent: such a job is stored as before there were any. */
function samplesOf({ count, targetEss = null }: RelaxJobRequest['samples']): AdmittedRelaxJob['samples'] {
  return targetEss === null ? { count } : { count, targetEss };
}

/** More than `count` could never be reached. */
function checkTarget({ samples: { count, targetEss } }: AdmittedRelaxJob, errors: RefusedField[]): void {
  if (targetEss === undefined || (targetEss >= 1 && targetEss <= count)) return;
  errors.push({
    pointer: '/samples/targetEss',
    detail: `an effective sample size of ${targetEss}`,
    allowed: `a number from 1 to samples.count (${count}), or null`,
  });
}

function priorityName(name: string, errors: RefusedField[]): AdmittedRelaxJob['priority'] {
  if (Object.hasOwn(JobPriority, name)) return name as AdmittedRelaxJob['priority'];
  errors.push({ pointer: '/priority', detail: `priority ${name}`, allowed: Object.keys(JobPriority) });
  return 'normal';
}

/** A JSON number names an integer without doubt up to 2^53 - 1; larger seeds come as text. */
function seedText(seed: number | string, errors: RefusedField[]): string | null {
  const known = typeof seed === 'number' ? Number.isSafeInteger(seed) : /^\d{1,20}$/.test(seed);
  const value = known ? BigInt(seed) : -1n;
  if (value >= 0n && value < SEED_END) return value.toString();
  errors.push({
    pointer: '/seed',
    detail: `seed ${seed}`,
    allowed: 'an unsigned 64-bit integer; above 2^53 - 1 as decimal text',
  });
  return null;
}

function checkTimes(job: AdmittedRelaxJob, errors: RefusedField[]): void {
  const { duration_s, readAt_s, initial } = job.relax;
  above0(errors, '/relax/duration_s', duration_s);
  if (!(Number.isFinite(initial.prepare_s) && initial.prepare_s >= 0))
    errors.push({
      pointer: '/relax/initial/prepare_s',
      detail: `a preparation of ${initial.prepare_s} s`,
      allowed: 'a finite number of at least 0',
    });
  if (readAt_s.length === 0)
    errors.push({ pointer: '/relax/readAt_s', detail: 'no reads', allowed: 'at least one time' });
  readAt_s.forEach((time_s, k) => {
    if (time_s > (readAt_s[k - 1] ?? 0) && time_s <= duration_s) return;
    errors.push({
      pointer: `/relax/readAt_s/${k}`,
      detail: `a read at ${time_s} s`,
      allowed: `ascending times within (0, ${duration_s}] s`,
    });
  });
}

function above0(errors: RefusedField[], pointer: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  errors.push({ pointer, detail: `${value}`, allowed: 'a finite number above 0' });
}

/** From the planner's request to the body of a job. */
function bodyPointer(pointer: string): string {
  if (pointer.startsWith('/program')) return '/model';
  if (pointer === '/samples') return '/samples/count';
  if (pointer === '/prepare_s') return '/relax/initial/prepare_s';
  if (pointer === '/duration_s' || pointer.startsWith('/readAt_s')) return `/relax${pointer}`;
  return pointer === '/noiseTemperature_ratio' ? '/noiseTemperature' : pointer;
}

function refusal(errors: RefusedField[], cause?: unknown): JobError {
  const first = errors[0];
  const message = `${first.pointer}: ${first.detail}`;
  return new JobError('validation-failed', message, { errors, ...(cause !== undefined && { cause }) });
}
