// Refusals about requirements: what was measured, what was required, and what to do.
import { JobError } from '../errors.ts';
import { textOf, unmetText, type RequirementReadings } from './readings.ts';

/** The error of a job whose requirements are not met; it carries all readings. */
export function requirementUnmet(readings: RequirementReadings): JobError {
  const unmet = readings.readings.filter(({ met }) => !met);
  const errors = unmet.map((reading) => ({
    pointer: `/require/${reading.requirement}`,
    detail: textOf(reading),
    allowed: reading.required,
  }));
  const remedies = new Set(unmet.flatMap(({ reason }) => (reason === null ? [] : [reason.remedy])));
  return new JobError('requirement-unmet', unmetText(readings), {
    errors,
    measured: readings.readings,
    ...(remedies.size > 0 && { remedy: [...remedies].join(' ') }),
  });
}
