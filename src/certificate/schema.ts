// What a certificate says: facts that the service has measured or stored, nothing derived later and nothing guessed.
// A fact that results of older versions did not record is null.
import { z } from 'zod';

export const CERTIFICATE_TYPE = 'thermoloop-certificate';
export const CERTIFICATE_VERSION = 1;
export const ALGORITHM = 'Ed25519';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'not a digest');
const time = z.string().meta({ format: 'date-time', description: 'RFC 3339, UTC' });
const facts = z.record(z.string(), z.unknown());

const attempt = z.object({
  startedAt: time,
  finishedAt: time.nullable(),
  state: z.string(),
  cause: z.string().nullable(),
});

const job = z.object({
  id: z.string(),
  submittedBy: z.string().nullable().meta({ description: 'Id of the API key' }),
  request: facts.meta({
    description: 'The submission with every default filled in: schedule, seed, samples',
  }),
  attempts: z.array(attempt),
  createdAt: time,
  startedAt: time.nullable(),
  finishedAt: time.nullable(),
});

const device = z.object({
  id: z.string(),
  uid: z.string(),
  backend: z.string(),
  faultsActive: z
    .boolean()
    .nullable()
    .meta({ description: 'Faults were planted during the run; null: not recorded' }),
  firmware: z.string(),
  schemaHash: z.string(),
  bootId: z.string(),
  clock: facts.nullable().meta({ description: 'Whose time the device kept; null: not recorded' }),
});

const program = z.object({
  model: digest,
  programDigest: z.string(),
  seed: z.string().nullable(),
  step_s: z.number(),
  fastMode: z.boolean(),
  noiseTemperature_ratio: z.number(),
  noiseTemperature_E0: z.number(),
  clockScale: z.number().optional().meta({
    description: 'Energies and kT were raised by it, and all times divided; absent at 1',
  }),
  roundings: z
    .array(facts)
    .optional()
    .meta({ description: 'Of a dithered job, in order; programDigest is then over theirs' }),
});

const samples = z.object({
  shape: z.tuple([z.int().nonnegative(), z.int().nonnegative(), z.int().nonnegative()]).meta({
    description: 'Samples, reads, units',
  }),
  dtype: z.literal('int16'),
  reads: z.array(z.object({ time_s: z.number(), label: z.string() })),
  stateScale: z.number().meta({ description: 'x per code' }),
  digest: digest.meta({ description: 'Of the readout codes, int16 little-endian, in the order of shape' }),
  bytes: z.int().nonnegative(),
  wireDigest: z.string(),
});

const heat = z.object({
  mean_kT: z.number(),
  sd_kT: z.number(),
  stderr_kT: z.number(),
  n: z.int(),
  until_s: z.number(),
  released_kT: z.number().optional(),
  absorbed_kT: z.number().optional(),
  digest: digest.meta({ description: 'Of the heat of every sample in kT, float64 little-endian' }),
});

const calibration = z.object({
  id: z.string(),
  kind: z.string(),
  deviceUid: z.string().nullable(),
  forced: z.boolean().meta({ description: 'Asked for although faults may have been planted' }),
  values: facts.nullable(),
  stderr: facts.nullable(),
  finishedAt: time.nullable(),
  age_s: z.number().nullable().meta({ description: 'From its end to the start of the job' }),
});

const body = {
  type: z.literal(CERTIFICATE_TYPE),
  version: z.literal(CERTIFICATE_VERSION),
  job,
  device,
  program,
  samples,
  heat: heat.nullable(),
  heatReason: z.string().nullable(),
  energy_J: facts
    .nullable()
    .optional()
    .meta({ description: 'Electrical energy at the rails, by phase and in all; absent: not recorded' }),
  energyReason: z.string().nullable().optional(),
  earlyStop: facts
    .optional()
    .meta({ description: 'Of a job with samples.targetEss: effective sample sizes and batches' }),
  dither: facts.optional().meta({ description: 'Of a dithered job: how far its roundings lie apart' }),
  requirements: facts
    .optional()
    .meta({ description: 'Of a job that required something of the device: what was measured, twice' }),
  pacing: facts
    .optional()
    .meta({ description: 'Of a job that ran in parts, or waited, because of the heat' }),
  calibration: calibration.nullable(),
  timing: facts,
  issued: z
    .object({ at: time, serviceVersion: z.string() })
    .meta({ description: 'When the certificate was signed, and by which version of the service' }),
};

export const certificateSchema = z
  .object({
    ...body,
    signature: z.object({
      algorithm: z.string(),
      key: z.string().meta({ description: 'An id of GET /v1/certificate-keys' }),
      value: z.string().meta({
        description: 'Base64url of the signature over the canonical JSON of all but this member',
      }),
    }),
  })
  .meta({ id: 'Certificate', description: 'Canonical JSON (RFC 8785), signed with Ed25519' });

export type Certificate = z.infer<typeof certificateSchema>;
/** What is to be signed. */
export type CertificateFacts = Omit<Certificate, 'signature' | 'type' | 'version'>;

export const publicKeySchema = z
  .object({
    id: z.string(),
    algorithm: z.literal(ALGORITHM),
    publicKey: z.string().meta({ description: 'SPKI in PEM' }),
    createdAt: time,
  })
  .meta({ id: 'CertificateKey' });
export const publicKeysSchema = z
  .object({
    current: z.string().meta({ description: 'The id that signs now' }),
    keys: z.array(publicKeySchema).meta({ description: 'All that ever signed, oldest first' }),
  })
  .meta({ id: 'CertificateKeys' });
export type CertificatePublicKey = z.infer<typeof publicKeySchema>;
export type CertificatePublicKeys = z.infer<typeof publicKeysSchema>;
