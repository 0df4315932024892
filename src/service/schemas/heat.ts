// The heat ledger as the API shows it: joules and kT side by side, never in one field.
import { z } from 'zod';
import { heatGroupings, type HeatGroup, type HeatGrouping, type PhaseEnergy_J } from '../../store/index.ts';
import { ProblemError } from '../problems/problem.ts';
import { pageQuery, time, toTime } from './common.ts';

export const energy_J = z
  .object({
    idle: z.number(),
    program: z.number(),
    relax: z.number(),
    read: z.number(),
    total: z.number(),
  })
  .meta({ id: 'Energy', description: 'Electrical energy at the rails by phase of the chip, joules' });

const SPAN_DEFAULT_MS = 86_400_000;

export const heatQuery = pageQuery.extend({
  groupBy: z.enum(heatGroupings).default('hour').meta({ description: 'What a sum is made over' }),
  from: z.iso.datetime().optional().meta({ description: 'Default: a day before `to`' }),
  to: z.iso.datetime().optional().meta({ description: 'Default: now' }),
});

const heatGroup = z
  .object({
    group: z.string().meta({
      description:
        'Id of the job; id of the key, `none` for jobs without one, `device` for the device itself; begin of the hour',
    }),
    key: z.string().nullable().meta({ description: 'The key that all of the group belongs to' }),
    attempts: z.int().meta({ description: 'At jobs, also those that failed' }),
    measured: z.int().meta({ description: 'Attempts whose energy is known; the sums leave out the others' }),
    samples: z.int(),
    effectiveSamples: z
      .number()
      .nullable()
      .meta({ description: 'Null unless it was measured of all samples (samples.targetEss)' }),
    energy_J: energy_J.nullable().meta({ description: 'Of jobs; null: measured of none' }),
    deviceEnergy_J: energy_J
      .nullable()
      .meta({ description: 'Of the device itself: idle between jobs, and calibrations' }),
    perSample_J: z
      .number()
      .nullable()
      .meta({ description: 'Null unless the energy of all attempts is known' }),
    perEffectiveSample_J: z.number().nullable(),
    heat: z
      .object({
        released_kT: z.number().meta({ description: 'Of samples that gave heat to the bath' }),
        absorbed_kT: z.number().meta({ description: 'Of samples that took some; at least 0' }),
        samples: z.int(),
        perSample_kT: z.number().meta({ description: '(released - absorbed) / samples' }),
      })
      .nullable()
      .meta({ description: 'Stochastic heat in nominal kT of each job; null: recorded of none' }),
    calibration: z
      .string()
      .nullable()
      .meta({ description: 'The calibration that all of the heat rests on; null: none, or several' }),
  })
  .meta({ id: 'HeatGroup' });

export const heatLedger = z
  .object({
    device: z.string(),
    backend: z.string().nullable(),
    groupBy: z.enum(heatGroupings),
    from: time,
    to: time,
    items: z.array(heatGroup),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'HeatLedger' });

/** @throws {ProblemError} validation-failed */
export function spanOf(
  { from, to }: Pick<z.infer<typeof heatQuery>, 'from' | 'to'>,
  now_ms: number,
): { from_ms: number; to_ms: number } {
  const to_ms = to === undefined ? Math.ceil(now_ms) : Date.parse(to);
  const from_ms = from === undefined ? to_ms - SPAN_DEFAULT_MS : Date.parse(from);
  if (from_ms <= to_ms) return { from_ms, to_ms };
  throw new ProblemError('validation-failed', 'The query does not fit: from lies behind to.', {
    errors: [{ parameter: 'from', detail: 'lies behind to', allowed: `at most ${toTime(to_ms)}` }],
  });
}

const total = (of: PhaseEnergy_J): number => of.idle + of.program + of.relax + of.read;
const withTotal = (of: PhaseEnergy_J | null): z.infer<typeof energy_J> | null =>
  of && { ...of, total: total(of) };

export function heatGroupView(by: HeatGrouping, group: HeatGroup): z.infer<typeof heatGroup> {
  const { attempts, measured, samples, effectiveSamples, released_kT, absorbed_kT, heatSamples } = group;
  const all_J = group.energy_J === null || measured < attempts ? null : total(group.energy_J);
  const per = (count: number | null): number | null =>
    all_J === null || count === null || count === 0 ? null : all_J / count;
  return {
    group: by === 'hour' ? toTime(Number(group.group)) : group.group,
    key: group.keyId,
    attempts,
    measured,
    samples,
    effectiveSamples,
    energy_J: withTotal(group.energy_J),
    deviceEnergy_J: withTotal(group.deviceEnergy_J),
    perSample_J: per(samples),
    perEffectiveSample_J: per(effectiveSamples),
    heat:
      released_kT === null || absorbed_kT === null || heatSamples === 0
        ? null
        : {
            released_kT,
            absorbed_kT,
            samples: heatSamples,
            perSample_kT: (released_kT - absorbed_kT) / heatSamples,
          },
    calibration: group.calibration,
  };
}
