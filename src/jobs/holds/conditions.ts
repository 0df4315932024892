// Holds of what a job requires of the device: until a calibration has been made for it, and then until it is met.
import type { JobHold } from '../../store/index.ts';
import { unmetText, wantsCalibration } from '../requirements/readings.ts';
import type { Required } from '../requirements/required.ts';
import type { HoldAnswer, JobHoldRule } from './rule.ts';

export const calibration: JobHoldRule = {
  of: 'job',
  reason: 'calibration',
  hold: ({ createdAt_ms }, { required }) => required && untilCalibrated(createdAt_ms, required),
};

export const condition: JobHoldRule = {
  of: 'job',
  reason: 'condition',
  hold: ({ createdAt_ms }, { required }) =>
    required && untilCalibrated(createdAt_ms, required) === null ? untilMet(required) : null,
};

/** The hold of a job that is submitted now. */
export function holdAtAdmission(required: Required, now_ms: number): JobHold | null {
  const first = untilCalibrated(now_ms, required);
  const answer = first ?? untilMet(required);
  const reason = first === null ? 'condition' : 'calibration';
  return answer && { reason, ...answer, since_ms: now_ms };
}

/** One calibration for each job at most: what did not help once is waited for as any other condition. */
function untilCalibrated(createdAt_ms: number, required: Required): HoldAnswer | null {
  const { onUnmet, readings, calibrations } = required;
  if (onUnmet !== 'recalibrate' || !wantsCalibration(readings)) return null;
  if (calibrations.endedAt_ms !== null && calibrations.endedAt_ms >= createdAt_ms) return null;
  return { detail: `${unmetText(readings)}: it is calibrated first`, until_ms: null };
}

/** A job that does not want to wait is let through: it fails when the requirements are read before its start. */
function untilMet({ onUnmet, readings }: Required): HoldAnswer | null {
  if (onUnmet === 'reject' || readings.met) return null;
  return { detail: unmetText(readings), until_ms: null };
}
