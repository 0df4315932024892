// Telemetry of a device as the API shows it: the latest reading with its age, and series of the last day.
import { z } from 'zod';
import {
  HISTORY_MS,
  SLOT_MS,
  telemetryMetrics,
  type Series,
  type TelemetryMetric,
  type TelemetryStatus,
} from '../../device/index.ts';
import type { ServiceDevice } from '../context.ts';
import { ProblemError } from '../problems/problem.ts';
import { time, toTime } from './common.ts';

export const metricName = z.enum(telemetryMetrics as [TelemetryMetric, ...TelemetryMetric[]]);

const reason = z
  .object({ code: z.string(), message: z.string(), remedy: z.string() })
  .nullable()
  .meta({ description: 'Why there is no fresh reading; null: there is one' });
const simulated = z
  .boolean()
  .nullable()
  .meta({ description: 'A twin computed them; null before the first handshake' });
const values = z.partialRecord(metricName, z.number().nullable()).meta({
  description:
    'By metric; null: the sensor gives nothing. Energies, counts and times are sums since power on',
});

export const latestTelemetry = z
  .object({
    simulated,
    reason,
    time: time.nullable().meta({ description: 'Of the latest reading' }),
    age_s: z.number().nullable(),
    maxAge_s: z.number().meta({ description: 'Older readings are stale' }),
    period_s: z.number().nullable().meta({ description: 'As subscribed to; null without a subscription' }),
    values,
  })
  .meta({ id: 'LatestTelemetry', description: 'What the sensors of the device said last' });

/** Points of one answer. */
const POINTS_MAX = 20_000;
const POINTS_DEFAULT = 300;
const SPAN_DEFAULT_MS = 3_600_000;

export const telemetryQuery = z.strictObject({
  metrics: z
    .string()
    .max(500)
    .optional()
    .meta({
      description: `Names, separated by commas; all of the device's unless told. Known: ${telemetryMetrics.join(', ')}`,
    }),
  from: z.iso.datetime().optional().meta({ description: 'Default: an hour before `to`' }),
  to: z.iso.datetime().optional().meta({ description: 'Default: now' }),
  step: z.coerce
    .number()
    .min(SLOT_MS / 1000)
    .max(HISTORY_MS / 1000)
    .optional()
    .meta({ description: 'Seconds; of each step the last reading. Default: 300 steps, at least 5 s each' }),
});

export const telemetrySeries = z
  .object({
    device: z.string(),
    backend: z.string().nullable(),
    simulated,
    reason,
    from: time,
    to: time,
    step_s: z.number(),
    resolution_s: z.number().meta({ description: 'Of what is kept: the last reading of so many seconds' }),
    kept_s: z.number().meta({ description: 'How far back readings are kept, in the memory of the service' }),
    time: z.array(time).meta({ description: 'Of the readings; steps without one are left out' }),
    series: z
      .partialRecord(metricName, z.array(z.number().nullable()))
      .meta({ description: 'One value for each time; null: the sensor gave nothing' }),
  })
  .meta({ id: 'TelemetrySeries' });

/** Whether readings come from a twin: as the device said. */
const isSimulated = ({ backend }: ServiceDevice): boolean | null =>
  backend === null ? null : backend === 'twin';

export function latestView(
  source: ServiceDevice,
  status: TelemetryStatus = source.telemetry.status,
): z.infer<typeof latestTelemetry> {
  const { latest, maxAge_s, period_s } = status;
  return {
    simulated: isSimulated(source),
    reason: status.reason,
    time: latest && toTime(latest.at_ms),
    age_s: latest && latest.age_s,
    maxAge_s,
    period_s,
    values: latest?.values ?? {},
  };
}

interface Asked {
  from_ms: number;
  to_ms: number;
  step_ms: number;
  metrics: TelemetryMetric[];
}

/** What a query asks of a device at `now_ms` of its clock. @throws {ProblemError} validation-failed */
export function askedOf(query: z.infer<typeof telemetryQuery>, source: ServiceDevice, now_ms: number): Asked {
  const to_ms = query.to === undefined ? now_ms : Date.parse(query.to);
  const from_ms = query.from === undefined ? to_ms - SPAN_DEFAULT_MS : Date.parse(query.from);
  if (from_ms > to_ms) throw refused('from', 'lies behind to', `at most ${toTime(to_ms)}`);
  const span_ms = Math.min(to_ms - from_ms, HISTORY_MS);
  const step_ms =
    query.step === undefined ? Math.max(SLOT_MS, Math.ceil(span_ms / POINTS_DEFAULT)) : query.step * 1000;
  const metrics = metricsOf(query.metrics, source);
  const most = Math.floor(POINTS_MAX / Math.max(1, metrics.length));
  if (span_ms / step_ms > most)
    throw refused('step', `${Math.ceil(span_ms / step_ms)} steps are too many`, {
      min: Math.ceil(span_ms / most / 1000),
    });
  return { from_ms, to_ms, step_ms, metrics };
}

function metricsOf(list: string | undefined, { capabilities }: ServiceDevice): TelemetryMetric[] {
  if (list === undefined) return [...(capabilities?.telemetry?.metrics ?? [])];
  const names = [...new Set(list.split(',').map((name) => name.trim()))];
  const known: readonly string[] = telemetryMetrics;
  const strange = names.find((name) => !known.includes(name));
  if (strange !== undefined) throw refused('metrics', `there is no metric "${strange}"`, telemetryMetrics);
  return names as TelemetryMetric[];
}

function refused(parameter: string, detail: string, allowed: unknown): ProblemError {
  return new ProblemError('validation-failed', `The query does not fit: ${parameter} ${detail}.`, {
    errors: [{ parameter, detail, allowed }],
  });
}

export function seriesView(
  source: ServiceDevice,
  asked: Asked,
  { at_ms, values: series }: Series,
): z.infer<typeof telemetrySeries> {
  return {
    device: source.id,
    backend: source.backend,
    simulated: isSimulated(source),
    reason: source.telemetry.status.reason,
    from: toTime(asked.from_ms),
    to: toTime(asked.to_ms),
    step_s: asked.step_ms / 1000,
    resolution_s: SLOT_MS / 1000,
    kept_s: HISTORY_MS / 1000,
    time: at_ms.map(toTime),
    series,
  };
}
