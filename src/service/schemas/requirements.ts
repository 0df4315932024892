// What a job requires of its device, as it is sent, and what was measured of it, as results and problems show it.
import { z } from 'zod';

export const jobRequire = z
  .strictObject({
    noiseTemperature: z.tuple([z.number().positive(), z.number().positive()]).optional().meta({
      description:
        'Lowest and highest kT over the nominal one, as the active noise-temperature calibration measured it',
    }),
    maxCalibrationAge_s: z.number().positive().optional().meta({
      description: 'Of that calibration, from its end',
    }),
    maxDieTemperature_C: z.number().optional().meta({ description: 'As the sensor of the chip reads' }),
    maxCouplingDrift_ratio: z.number().positive().max(1).optional().meta({
      description: 'Change of one coupling since the last calibration, over full scale, as probes have it',
    }),
  })
  .refine((require) => Object.keys(require).length > 0, 'requires nothing')
  .meta({ description: 'Read at admission and again just before programming; onUnmet says what then' });

export const onUnmet = z.enum(['reject', 'wait', 'recalibrate']).meta({
  description:
    'reject (default): 412 requirement-unmet, or 503 while the device is away. wait: the job is held until its ' +
    'requirements are met and the device is there. recalibrate: one calibration first (scope calibration:run), then as wait',
});

export const requirementReading = z.object({
  requirement: z.enum([
    'noiseTemperature',
    'maxCalibrationAge_s',
    'maxDieTemperature_C',
    'maxCouplingDrift_ratio',
  ]),
  met: z.boolean(),
  required: z
    .union([z.number(), z.array(z.number())])
    .meta({ description: 'As the job says: the highest value, or the lowest and the highest' }),
  measured: z.number().nullable().meta({ description: 'null: it cannot be read, which counts as not met' }),
  stderr: z.number().nullable().meta({ description: 'Standard error of measured, where one is known' }),
  calibration: z.string().nullable().meta({ description: 'That measured it' }),
  reason: z
    .object({ code: z.string(), message: z.string(), remedy: z.string() })
    .nullable()
    .meta({ description: 'Why it cannot be read' }),
});

const readings = z.object({
  at: z.string().meta({ format: 'date-time' }),
  met: z.boolean(),
  readings: z.array(requirementReading),
});

export const requirements = z
  .object({ admission: readings.nullable(), start: readings })
  .meta({ description: 'Of a job with require: at its submission, and just before programming' });
