// What admission says of dithering and of the clock: defaults, numbers, and what the device allows. Pure.
import { clockScaleRange, type QuantisedProgram } from '../../physics/index.ts';
import type { RelaxCapabilities } from '../device-port.ts';
import type { RefusedField } from '../errors.ts';
import type { AdmittedRelaxJob, RelaxJobRequest } from '../request.ts';

export const DITHER_MIN = 2;
export const DITHER_MAX = 64;
/** What division may leave of a limit that was met exactly. */
const ROUNDING_RATIO = 1e-9;

type Asked = Pick<AdmittedRelaxJob, 'mitigation' | 'clock'>;

/** What was not asked for is absent: such a job is stored as before there was any of it. */
export function mitigationOf({ mitigation, clock }: RelaxJobRequest): Asked {
  const { dither = null } = mitigation ?? {};
  const { scale = 1 } = clock ?? {};
  return { ...(dither !== null && { mitigation: { dither } }), ...(scale !== 1 && { clock: { scale } }) };
}

/** Numbers, as far as that goes without a device. */
export function checkMitigation(
  { mitigation, clock, samples }: AdmittedRelaxJob,
  errors: RefusedField[],
): void {
  if (clock !== undefined && !(Number.isFinite(clock.scale) && clock.scale > 0))
    errors.push({ pointer: '/clock/scale', detail: `${clock.scale}`, allowed: 'a finite number above 0' });
  if (mitigation === undefined) return;
  const { dither } = mitigation;
  const refuse = (detail: string, allowed: unknown): void =>
    void errors.push({ pointer: '/mitigation/dither', detail, allowed });
  if (!Number.isInteger(dither) || dither < DITHER_MIN || dither > DITHER_MAX)
    return refuse(`${dither} roundings`, `a whole number from ${DITHER_MIN} to ${DITHER_MAX}, or null`);
  if (dither > samples.count)
    refuse(
      `${dither} roundings share ${samples.count} samples`,
      `at most samples.count: each rounding takes at least one`,
    );
  if (samples.targetEss !== undefined)
    refuse(
      'the samples are split over the roundings before the first one runs, so no target can end it',
      'either mitigation.dither or samples.targetEss',
    );
}

/**
 * What the device has against running this program on another clock; null: nothing.
 * @param program on the clock of the model
 */
export function clockFlaw(
  job: Pick<AdmittedRelaxJob, 'clock' | 'step_s'>,
  program: QuantisedProgram,
  capabilities: RelaxCapabilities,
): RefusedField | null {
  if (job.clock === undefined) return null;
  const { scale } = job.clock;
  const range = clockScaleRange(program, capabilities.ranges);
  const step_s = job.step_s ?? capabilities.stepDefault_s;
  const maxByStep = capabilities.stepMax_s / step_s;
  const allowed = { min: range.min, max: Math.min(range.max, maxByStep) };
  const refuse = (detail: string): RefusedField => ({ pointer: '/clock/scale', detail, allowed });
  if (scale > range.max * (1 + ROUNDING_RATIO) || scale < range.min * (1 - ROUNDING_RATIO)) {
    const block = scale > range.max ? range.maxBy : range.minBy;
    return refuse(`times ${scale} the full scale of ${block} is outside of what the device offers`);
  }
  if (scale <= maxByStep * (1 + ROUNDING_RATIO)) return null;
  return refuse(
    `a step of ${step_s} s is at ${scale} times the speed what one of ${step_s * scale} s is for the model; the device is stable up to ${capabilities.stepMax_s} s`,
  );
}
