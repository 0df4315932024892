// Devices and what they can do, as the API shows them.
import { z } from 'zod';
import type { ServiceDevice } from '../context.ts';
import type { DeviceUse } from '../../jobs/index.ts';
import { deviceFaultNames, lineRate_Bps } from '../../device/index.ts';
import { recordBytes } from '../../physics/index.ts';
import { clock } from './common.ts';
import { activeCalibration, type ActiveCalibration } from './active-calibrations.ts';
import { deviceUse, useView } from './device-control.ts';
import { latestTelemetry, latestView, metricName } from './telemetry.ts';

export const device = z
  .object({
    id: z.string(),
    url: z.string(),
    state: z.enum(['connecting', 'ready', 'running', 'offline', 'refused', 'closed']),
    reason: z
      .object({ code: z.string(), message: z.string(), remedy: z.string() })
      .nullable()
      .meta({ description: 'Why it is not ready' }),
    backend: z
      .enum(['chip', 'twin', 'replay'])
      .nullable()
      .meta({ description: 'As the device said in its handshake; null before the first one' }),
    faultsActive: z.boolean().meta({
      description:
        'Faults are planted in the line to it (a chaos+ address) or in the twin, or the twin does not say',
    }),
    identity: z
      .object({
        uid: z.string(),
        firmware: z.string(),
        firmwareGit: z.string(),
        schemaHash: z.string().meta({ description: '8 hex digits' }),
        bootId: z.string(),
      })
      .nullable(),
    activeCalibration: z
      .string()
      .nullable()
      .meta({ description: 'Id of the noise-temperature calibration that counts' }),
    calibration: activeCalibration
      .nullable()
      .meta({ description: 'The same with its age; others: GET /v1/devices/{id}/calibration' }),
    use: deviceUse.meta({ description: 'What people want of it: GET /v1/devices/{id}/state, .../leases' }),
    clock,
    faults: z
      .array(
        z.object({
          name: z.enum(deviceFaultNames),
          severity: z.enum(['unknown', 'soft', 'latched', 'hard']),
          value: z
            .number()
            .nullable()
            .meta({ description: 'What was measured, such as the die temperature' }),
        }),
      )
      .meta({ description: 'What the device has latched; runs are refused until it is cleared' }),
    telemetry: latestTelemetry,
    revision: z.int(),
  })
  .meta({ id: 'Device' });

const range = z
  .object({ fullScaleMin_E0: z.number(), fullScaleMax_E0: z.number() })
  .optional()
  .meta({ description: 'Full scales a program may ask for; absent: not limited' });

export const capabilities = z
  .object({
    device: z.string(),
    unitsMax: z.int(),
    imageVersion: z.int(),
    topologies: z.array(z.int()).meta({ description: '1: every pair of units' }),
    ranges: z.object({
      coupling: range,
      bias: range,
      field: range,
      j2: range,
      j4: range,
      noiseTemperature: range,
      stateScale: z.number().meta({ description: 'x per readout code' }),
    }),
    timeUnit_s: z.number().meta({ description: 'Physical seconds per unit of reduced time, 1/(mu E0)' }),
    stateRail: z.number().meta({ description: '|x| is clamped here' }),
    adcBits: z.int(),
    stepDefault_s: z.number(),
    stepMin_s: z.number(),
    stepMax_s: z.number(),
    phaseMax_s: z.number(),
    phasesMax: z.int(),
    readsPerPhaseMax: z.int(),
    samplesMax: z.int(),
    recordBytesMax: z.int(),
    seed: z.boolean().meta({ description: 'A job may carry a seed (twins)' }),
    fieldSlots: z.int().meta({ description: 'Different fields that one schedule may name' }),
    reference: z
      .object({
        level_max_x: z.number(),
        uncertainty_ratio: z.number().meta({ description: 'Standard, the same error for all levels' }),
      })
      .nullable()
      .meta({ description: 'Levels that its converters can read instead of the units; null: it has none' }),
    telemetry: z
      .object({ metrics: z.array(metricName), periodMin_s: z.number(), periodMax_s: z.number() })
      .nullable()
      .meta({ description: 'What its sensors can tell; null: it has none' }),
    dieLimits: z.object({ derate_C: z.number(), trip_C: z.number(), clear_C: z.number() }).nullable().meta({
      description:
        'Die temperatures that the device enforces: it idles between batches, fails the run, takes the clearing of that fault',
    }),
    maxSampleRate: z
      .object({
        bytesPerSample: z.int().meta({ description: 'One read of all units, packed' }),
        line_Bps: z
          .number()
          .nullable()
          .meta({ description: 'What the line carries at most; null: its address does not tell (TCP, USB)' }),
        samples_per_s: z.number().nullable().meta({ description: 'At most, without the time of the runs' }),
      })
      .meta({ description: 'Of unitsMax units with one read; fewer units go faster in proportion' }),
    schemaHash: z.string().nullable(),
  })
  .meta({ id: 'Capabilities', description: 'From the handshake and GetCapabilities of the device itself' });

export function deviceView(
  source: ServiceDevice,
  calibration: ActiveCalibration | null,
  use: DeviceUse,
): z.infer<typeof device> {
  const { id, url, state, reason, backend, faultsActive, identity, faults, revision } = source;
  return {
    id,
    url,
    state,
    reason,
    backend,
    faultsActive,
    identity: identity && {
      uid: identity.uid,
      firmware: identity.firmware,
      firmwareGit: identity.firmwareGit,
      schemaHash: identity.schemaHash,
      bootId: identity.bootId,
    },
    activeCalibration: calibration && calibration.id,
    calibration,
    use: useView(use),
    clock: source.clock,
    faults: [...faults],
    telemetry: latestView(source),
    revision,
  };
}

export function capabilitiesView(
  source: ServiceDevice,
  of: NonNullable<ServiceDevice['capabilities']>,
): z.infer<typeof capabilities> {
  return {
    device: source.id,
    ...of,
    maxSampleRate: maxSampleRate(source.url, of.unitsMax),
    schemaHash: source.identity && source.identity.schemaHash,
  };
}

/** The honest bound from line and readout (service-api, section 15). */
function maxSampleRate(url: string, units: number): z.infer<typeof capabilities>['maxSampleRate'] {
  const bytesPerSample = recordBytes(units, 1);
  const line_Bps = lineRate_Bps(url);
  return { bytesPerSample, line_Bps, samples_per_s: line_Bps === null ? null : line_Bps / bytesPerSample };
}
