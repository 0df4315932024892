// The samples of a job as JSON, and the headers that ask for parts of a file.
import { z } from 'zod';
import { digest } from './common.ts';

/** results/provenance.ts */
export const provenance = z
  .object({
    job: z.string(),
    finishedAt: z.iso.datetime().nullable(),
    device: z.string(),
    deviceUid: z.string().nullable(),
    backend: z.string(),
    faultsActive: z.boolean().nullable(),
    firmware: z.string().nullable(),
    schemaHash: z.string().nullable(),
    bootId: z.string().nullable(),
    clock: z.unknown(),
    model: digest,
    programDigest: z.string().nullable(),
    seed: z.string().nullable(),
    step_s: z.number().nullable(),
    fastMode: z.boolean().nullable(),
    noiseTemperature_ratio: z.number().nullable(),
    noiseTemperature_E0: z.number().nullable(),
    calibration: z.string().nullable(),
    shape: z.array(z.int()),
    reads: z.array(z.object({ time_s: z.number(), label: z.string() })),
    stateScale: z.number(),
    samplesDigest: digest.meta({ description: 'Of the readout codes, as the certificate names it' }),
    heatDigest: digest.nullable(),
    certificate: z.string(),
  })
  .meta({ id: 'Provenance', description: 'Where the samples come from; null is what was not recorded' });

export const sampleDocument = z
  .object({
    job: z.string(),
    device: z.string(),
    backend: z.string(),
    model: digest,
    shape: z.array(z.int()).meta({ description: 'Samples, reads, units' }),
    time_s: z.array(z.number()).meta({ description: 'Of the reads; 0 is the switch-on of the couplings' }),
    labels: z.array(z.string()),
    x: z.array(z.array(z.array(z.number()))),
    heat_kT: z.array(z.number()).nullable(),
    provenance,
  })
  .meta({ id: 'Samples' });

export const rangeHeaders = z.looseObject({
  range: z.string().optional().meta({ description: 'bytes=FROM-TO: one range; others are ignored' }),
  'if-range': z.string().optional().meta({ description: 'ETag: only when the file is still that one' }),
});
