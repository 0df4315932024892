// Dithering and the clock of a job, as the API takes and shows them.
import { z } from 'zod';

/** As in src/jobs/mitigation, which refuses the rest with its place; here so that the document says it. */
const DITHER = { min: 2, max: 64 } as const;

export const mitigation = z
  .strictObject({
    dither: z.int().min(DITHER.min).max(DITHER.max).nullable().optional().meta({
      description:
        'Stochastic roundings of the couplings that share the samples, so that the error of rounding averages out; not with targetEss',
    }),
  })
  .meta({ description: 'Against errors of the hardware' });

export const clockOfJob = z.strictObject({
  scale: z.number().positive().optional().meta({
    description:
      'Energies and noise temperature raised by it: the same program so many times faster. All times of the job are divided by it',
  }),
});

const rounding = z.object({
  samples: z.int(),
  seed: z.string().nullable().meta({ description: 'Of the noise' }),
  roundingSeed: z.string().meta({ description: 'With it and the model anybody makes the same program' }),
  mirrored: z.boolean().meta({ description: 'The other of the pair with this seed' }),
  programDigest: z.string().meta({ description: 'SHA-256 of the program image' }),
  wireDigest: z.string().meta({ description: "SHA-256 of the run's bytes on the link" }),
});

export const roundings = z.array(rounding).meta({
  description:
    'Of a job with mitigation.dither, in the order of its samples; programDigest is then over theirs',
});

export const dither = z
  .object({
    observables: z.array(
      z.object({
        name: z.enum(['energy_kT', 'mean_x', 'unit_x']),
        unit: z.int().nullable().meta({ description: 'Of unit_x: the one with the largest mean' }),
        value: z.number().meta({ description: 'Mean over all samples, at the last read' }),
        spread: z.number().meta({ description: "Standard deviation between the roundings' means" }),
        stderr: z.number().meta({ description: 'spread over the root of the number of roundings' }),
      }),
    ),
  })
  .meta({ description: 'Of a job with mitigation.dither: how far its roundings lie apart' });
