// Drift of a device as the API shows it: what is known now, events, and series of what probes have found.
import { z } from 'zod';
import { driftQuantities, type DriftQuantity } from '../../calibration/index.ts';
import type { DriftOfQuantity, DriftState } from '../../jobs/index.ts';
import type { DriftElementRow, DriftEventRow, DriftPointRow } from '../../store/index.ts';
import { ProblemError } from '../problems/problem.ts';
import { time, toTime, toTimeOrNull } from './common.ts';

export const driftQuantity = z.enum(driftQuantities).meta({
  description:
    'coupling: each by itself, over full scale; gain: all couplings in common; offset: of each unit, over the full scale of ' +
    'the readout; noiseTemperature: of all units in common',
});
const ratio = z.number();
const element = z.object({
  name: z.string().meta({ description: 'A coupling `3-7`, a unit `17`' }),
  value_ratio: ratio.meta({ description: 'Change since the baseline' }),
  stderr_ratio: ratio,
  z: z.number(),
});

const reading = {
  isBaseline: z
    .boolean()
    .meta({ description: 'Taken to compare with after a calibration; nothing is judged yet' }),
  value_ratio: ratio.meta({
    description: 'Change since the baseline; coupling and offset: root mean square beyond the errors',
  }),
  stderr_ratio: ratio,
  largest_ratio: ratio.meta({ description: 'The largest change of one element beyond chance; 0: none is' }),
  resolution_ratio: ratio.meta({ description: 'A change of one element as large as this would be noticed' }),
  chart_ratio: ratio.meta({
    description: 'Statistic of the control chart over its limit; above 1: beyond chance',
  }),
  worst: z.array(element).meta({ description: 'Worst first, at most `top`' }),
};
const latest = z.object({ time, age_s: z.number(), ...reading }).nullable();

export const driftNow = z
  .object({
    reason: z.string().nullable().meta({ description: 'Why something is not watched; null: all is' }),
    deviceUid: z.string().nullable(),
    program: z
      .string()
      .nullable()
      .meta({ description: 'SHA-256 of the program that is watched: the one of the last job' }),
    quantities: z.object({ coupling: latest, gain: latest, offset: latest, noiseTemperature: latest }).meta({
      description: 'null: not measured since the last calibration',
    }),
    alarms: z.array(driftQuantity).meta({ description: 'Out of their limits since the last calibration' }),
    lastProbe: time.nullable(),
    deviceTime: z.object({ probes_s: z.number(), calibrating_s: z.number(), elapsed_s: z.number() }).meta({
      description:
        'Of the device since the service started; baselines and scans of suspects count as calibration',
    }),
  })
  .meta({ id: 'DriftNow' });

export const driftEvent = z
  .object({
    id: z.string(),
    device: z.string(),
    deviceUid: z.string(),
    program: z.string(),
    quantity: driftQuantity,
    element: z.string().nullable().meta({ description: 'null: a change in common' }),
    value_ratio: ratio,
    stderr_ratio: ratio,
    z: z.number(),
    lastGood: time.meta({
      description: 'Begin of the last round of probes in which it was where it had been',
    }),
    alarm: time.meta({ description: 'End of the round that raised it: it happened in between' }),
    ended: time.nullable().meta({ description: 'When a calibration took it into account; null: it stands' }),
    calibration: z.string().nullable(),
  })
  .meta({ id: 'DriftEvent' });

const point = z.object({ from: time, to: time, quantity: driftQuantity, program: z.string(), ...reading });

export const driftAnswer = z
  .object({
    device: z.string(),
    backend: z.string().nullable(),
    now: driftNow.nullable().meta({ description: 'null: this host does not watch the device' }),
    events: z.array(driftEvent).meta({ description: 'The newest 50, newest first' }),
    from: time,
    to: time,
    points: z.array(point).meta({ description: 'Rounds of the time that was asked for, oldest first' }),
  })
  .meta({ id: 'Drift' });

const SPAN_MS = 3_600_000;
const TOP_MAX = 20;
const POINTS_MAX = 5000;

export const driftQuery = z.strictObject({
  quantity: driftQuantity.optional(),
  from: z.iso.datetime().optional().meta({ description: 'Default: an hour before `to`' }),
  to: z.iso.datetime().optional().meta({ description: 'Default: now' }),
  top: z.coerce
    .number()
    .int()
    .min(0)
    .max(TOP_MAX)
    .default(5)
    .meta({ description: 'Elements named in each round' }),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(POINTS_MAX)
    .default(500)
    .meta({ description: 'Rounds at most, the newest ones' }),
});

/** @throws {ProblemError} validation-failed */
export function driftSpan(
  { from, to }: z.infer<typeof driftQuery>,
  now_ms: number,
): { from_ms: number; to_ms: number } {
  const to_ms = to === undefined ? now_ms : Date.parse(to);
  const from_ms = from === undefined ? to_ms - SPAN_MS : Date.parse(from);
  if (from_ms <= to_ms) return { from_ms, to_ms };
  throw new ProblemError('validation-failed', 'The query does not fit: from lies behind to.', {
    errors: [{ parameter: 'from', detail: 'lies behind to', allowed: `at most ${toTime(to_ms)}` }],
  });
}

export function driftEventView(row: DriftEventRow): z.infer<typeof driftEvent> {
  const { lastGood_ms, alarm_ms, endedAt_ms, quantity, ...rest } = row;
  return {
    ...rest,
    quantity: quantity as DriftQuantity,
    lastGood: toTime(lastGood_ms),
    alarm: toTime(alarm_ms),
    ended: toTimeOrNull(endedAt_ms),
  };
}

export function driftPointView(row: DriftPointRow, top: number): z.infer<typeof point> {
  return {
    from: toTime(row.from_ms),
    to: toTime(row.to_ms),
    quantity: row.quantity as DriftQuantity,
    program: row.program,
    ...readingView(row, top),
  };
}

export function driftNowView(state: DriftState, now_ms: number, top: number): z.infer<typeof driftNow> {
  const of = (quantity: DriftQuantity): z.infer<typeof latest> => {
    const found = state.quantities[quantity];
    if (found === null) return null;
    return {
      time: toTime(found.at_ms),
      age_s: Math.max(0, now_ms - found.at_ms) / 1000,
      ...readingView(found, top),
    };
  };
  return {
    reason: state.reason,
    deviceUid: state.deviceUid,
    program: state.program,
    quantities: {
      coupling: of('coupling'),
      gain: of('gain'),
      offset: of('offset'),
      noiseTemperature: of('noiseTemperature'),
    },
    alarms: [...state.alarms],
    lastProbe: toTimeOrNull(state.lastProbe_ms),
    deviceTime: {
      probes_s: state.probed_s,
      calibrating_s: state.calibrating_s,
      elapsed_s: state.elapsed_s,
    },
  };
}

type Reading = Pick<DriftOfQuantity, 'isBaseline' | 'value_ratio' | 'stderr_ratio' | 'chart_ratio'> &
  Pick<DriftOfQuantity, 'largest_ratio' | 'resolution_ratio'> & { worst: readonly DriftElementRow[] };

function readingView(given: Reading, top: number) {
  const { isBaseline, value_ratio, stderr_ratio, largest_ratio, resolution_ratio, chart_ratio } = given;
  return {
    isBaseline,
    value_ratio,
    stderr_ratio,
    largest_ratio,
    resolution_ratio,
    chart_ratio,
    worst: given.worst.slice(0, top),
  };
}
