// The chip profile: one document with everything that makes a simulated chip differ from an ideal one. Absent and zero
// mean "off"; magnitudes carry their unit in their name. docs/twin.md says what each does and which statistic sees it.
import { z } from 'zod';
import { isSensitive, thermalSchema } from '../thermal/schema.ts';

export const PROFILE_VERSION = 1;
const SEED_LIMIT = 2 ** 32 - 1;
/** The Gaussian table ends at 4.32 standard deviations: up to here every factor 1 + spread * g stays above 0. */
const SPREAD_MAX = 0.2;
const COMMON_MAX = 0.5;
const SHARE_MAX = 0.5;
const UNITS_MAX = 4096;
const LIST_MAX = 1024;

const seed = z
  .int()
  .min(0)
  .max(SEED_LIMIT)
  .default(0)
  .describe('Draws the individual values of this entry, together with the seed of the profile.');
const magnitude = (most: number, what: string) => z.number().min(0).max(most).default(0).describe(what);
const signed = (most: number, what: string) => z.number().min(-most).max(most).default(0).describe(what);
const unit = z
  .int()
  .min(0)
  .max(UNITS_MAX - 1);
const unitList = (what: string) => z.array(unit).max(LIST_MAX).default([]).describe(what);

/** A relative error: the same for all, and different for each. */
const ratioError = (of: string) =>
  z
    .strictObject({
      common_ratio: signed(COMMON_MAX, `Relative error of ${of}, the same everywhere.`),
      spread_ratio: magnitude(SPREAD_MAX, `Standard deviation of the individual relative error of ${of}.`),
      seed,
    })
    .prefault({});

/** Of converters of one kind. */
const dacErrors = (of: string) => ({
  inl_codes: magnitude(
    16,
    `Integral non-linearity of ${of}: s.d. over the converters of the bow at half scale.`,
  ),
  dnl_codes: magnitude(
    8,
    `Differential non-linearity of ${of}: s.d. of the error of the largest bit; a bit of half the weight has 1/sqrt(2) of it.`,
  ),
  seed,
});
const dac = (of: string) => z.strictObject(dacErrors(of)).prefault({});
const FIELD_DACS = 'the converters of the fields, one for each unit';
const fieldDac = z
  .strictObject({
    ...dacErrors(FIELD_DACS),
    gain_ratio: signed(
      COMMON_MAX,
      `Relative error of ${FIELD_DACS}, the same for all: of what they are held to.`,
    ),
  })
  .prefault({});

const readout = z
  .strictObject({
    gain: ratioError('the readout gain'),
    offset: z
      .strictObject({
        common_x: signed(1, 'Readout offset, the same for all units.'),
        spread_x: magnitude(0.2, 'Standard deviation of the individual readout offset.'),
        seed,
      })
      .prefault({}),
    noise: z
      .strictObject({
        rms_x: magnitude(0.5, 'White noise added to every value before it is converted.'),
        seed,
      })
      .prefault({}),
    droop: z
      .strictObject({
        rate_perMicrosecond: magnitude(1, 'Rate at which a held value decays towards 0.'),
        conversion_ns: magnitude(
          1000,
          'Time of one conversion; unit k is converted k conversions after the hold.',
        ),
      })
      .prefault({}),
    adc: z
      .strictObject({
        inl_codes: signed(16, 'Integral non-linearity of the converter: the S-shaped bow at half scale.'),
        dnl_codes: magnitude(
          0.3,
          'Differential non-linearity of the converter: s.d. of the width of a code.',
        ),
        range_x: z
          .number()
          .min(0.1)
          .max(2)
          .default(2)
          .describe(
            'Largest |x| that is converted; beyond it the converter saturates. 2 (the rails) is off.',
          ),
        seed,
      })
      .prefault({}),
    reference: z
      .strictObject({
        error_ratio: signed(COMMON_MAX, 'Relative error of the levels of the converter reference.'),
      })
      .prefault({}),
  })
  .prefault({});

const potential = z
  .strictObject({
    j2: ratioError('J2'),
    j4: ratioError('J4'),
    offset: z
      .strictObject({
        common_E0: signed(1, 'Constant force on every unit, in every phase; positive pulls to negative x.'),
        spread_E0: magnitude(0.2, 'Standard deviation of the individual constant force.'),
        seed,
      })
      .prefault({}),
  })
  .prefault({});

const couplings = z
  .strictObject({
    gain: ratioError('the couplings'),
    asymmetry: z
      .strictObject({
        spread_ratio: magnitude(SPREAD_MAX, 'S.d. of a in J_ij = J (1 + a), J_ji = J (1 - a), i < j.'),
        seed,
      })
      .prefault({}),
    missing: z
      .strictObject({
        share: magnitude(SHARE_MAX, 'Share of the couplings that do not act.'),
        pairs: z
          .array(z.tuple([unit, unit]))
          .max(LIST_MAX)
          .default([])
          .describe('Couplings that do not act, each as two unit numbers.'),
        seed,
      })
      .prefault({}),
    stuckBits: z
      .strictObject({
        share: magnitude(
          SHARE_MAX,
          "Share of the couplings one of whose 12 code bits (two's complement) is stuck at 0 or 1.",
        ),
        seed,
      })
      .prefault({}),
  })
  .prefault({});

const noise = z
  .strictObject({
    temperature: ratioError('the noise temperature'),
    colour: z
      .strictObject({
        correlation_ns: magnitude(
          1000,
          'Correlation time of the noise; its power at low frequencies stays what it is for white noise.',
        ),
        spread_ratio: magnitude(SPREAD_MAX, 'S.d. of the individual relative error of the correlation time.'),
        seed,
      })
      .prefault({}),
  })
  .prefault({});

const units = z
  .strictObject({
    dead: z
      .strictObject({
        share: magnitude(
          SHARE_MAX,
          'Share of the units that stand at 0 and deliver 0; rounded down to whole units.',
        ),
        units: unitList('Units that are dead, beside the drawn ones.'),
        seed,
      })
      .prefault({}),
    stuck: z
      .strictObject({
        share: magnitude(SHARE_MAX, 'Share of the units that stand still; rounded down to whole units.'),
        units: unitList('Units that are stuck, beside the drawn ones.'),
        level_x: magnitude(2, 'Where they stand: +level or -level, drawn for each.'),
        seed,
      })
      .prefault({}),
  })
  .prefault({});

const timing = z
  .strictObject({
    clock_ratio: signed(
      0.2,
      'Relative error of all durations and read times: positive is a slow clock, longer phases.',
    ),
    switchDelay_ns: magnitude(
      1000,
      'Added to every phase: the switch into the next one comes so much too late.',
    ),
    readDelay_ns: magnitude(1000, 'Added to the time of every read; a phase lasts until its last read.'),
  })
  .prefault({});

const drift = z
  .strictObject({
    shortest_s: z
      .number()
      .min(1e-3)
      .max(1e6)
      .default(1)
      .describe('Shortest correlation time of the drift, in device time.'),
    octaves: z
      .int()
      .min(1)
      .max(24)
      .default(16)
      .describe('Number of correlation times, each twice the one before; between them the spectrum is 1/f.'),
    couplingGain_ratio: magnitude(0.05, 'Rms drift of the common gain of the couplings.'),
    noiseTemperature_ratio: magnitude(0.05, 'Rms drift of the common noise temperature.'),
    readoutGain_ratio: magnitude(0.05, 'Rms drift of the readout gain of each unit.'),
    readoutOffset_x: magnitude(0.05, 'Rms drift of the readout offset of each unit.'),
    offset_E0: magnitude(0.05, 'Rms drift of the constant force on each unit.'),
    seed,
  })
  .prefault({});

const dynamics = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('overdamped') }),
    z.strictObject({
      kind: z.literal('oscillator'),
      qualityFactor: z.number().min(1e-3).max(1e3).describe('Q of a cell at its resonance.'),
      resonance_Hz: z
        .number()
        .min(1)
        .max(1e9)
        .optional()
        .describe('Where Q is meant; absent: the resonance of the reference cell, 318310 / Q.'),
    }),
  ])
  .default({ kind: 'overdamped' })
  .describe('How the units move: no fault, a kind of chip.');

export const chipProfileSchema = z
  .strictObject({
    version: z.literal(PROFILE_VERSION).describe('Version of this format.'),
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,15}$/, 'lower-case letters, digits and hyphens, at most 16')
      .describe('Names the profile in the ready line and in the firmware version of the device.'),
    description: z.string().max(500).default('').describe('For people.'),
    seed: z
      .int()
      .min(0)
      .max(SEED_LIMIT)
      .default(0)
      .describe(
        'One chip of this kind: all individual values are drawn from it and from the seed of each entry.',
      ),
    dynamics,
    readout,
    potential,
    couplings,
    dac: z
      .strictObject({
        coupling: dac('the converters of the couplings, one for each row'),
        bias: dac('the converters of the biases, one for each unit'),
        field: fieldDac,
      })
      .prefault({}),
    noise,
    units,
    timing,
    drift,
    thermal: thermalSchema,
  })
  .describe('Chip profile of the twin.');

export type ChipProfile = z.output<typeof chipProfileSchema>;
/** As written in a file: everything but version and name may be left out. */
export type ChipProfileInput = z.input<typeof chipProfileSchema>;

/** Whether a profile has none of the non-idealities; names, seeds, the kind of dynamics and heat without effect do not count. */
export function isIdeal(profile: ChipProfile): boolean {
  const skipped = ['name', 'description', 'seed', 'dynamics', 'thermal'];
  const plain = (p: ChipProfile): string =>
    JSON.stringify(chipProfileSchema.parse(p), (key, value: unknown) =>
      skipped.includes(key) ? undefined : value,
    );
  return plain(profile) === plain(IDEAL_PROFILE) && !isSensitive(profile.thermal.sensitivity);
}

/** A chip without any non-ideality. */
export const IDEAL_PROFILE: ChipProfile = chipProfileSchema.parse({
  version: PROFILE_VERSION,
  name: 'ideal',
});
