// Models as the API takes and shows them. The body of an upload is checked by models/parse.ts, which also reads .npz; the
// schema here is its documentation.
import { z } from 'zod';
import type { ModelRow } from '../../store/index.ts';
import { digest, jsonObject, time, toTime } from './common.ts';

const perUnit = (what: string) =>
  z
    .union([z.array(z.number()), z.number()])
    .optional()
    .meta({ description: `${what}; one number stands for all units` });

export const modelUpload = z
  .strictObject({
    couplings: z
      .union([
        z.array(z.array(z.number())),
        z.array(z.strictObject({ i: z.int(), j: z.int(), value: z.number() })),
      ])
      .meta({ description: 'J in E0: N rows of N numbers, symmetric, zero diagonal; or each pair once' }),
    units: z.int().optional().meta({ description: 'N; needed with a list of pairs and no biases' }),
    biases: perUnit('b in E0, default 0'),
    j2: perUnit('J2 in E0, default 1'),
    j4: perUnit('J4 in E0, above 0, default 1'),
    noiseTemperature_E0: z.number().optional().meta({ description: 'kT in E0, default 0.1' }),
    name: z.string().max(200).optional(),
    metadata: jsonObject
      .optional()
      .meta({ description: 'Normalisation, field, t_f, digest of the training data' }),
  })
  .meta({
    id: 'ModelUpload',
    description:
      'V(x) = sum J2 x^2 + J4 x^4 + b x + sum over pairs J_ij x_i x_j. As application/x-npz: members J (N x N), and ' +
      'optionally b, j2, j4 (N), kT (scalar), metadata (UTF-8 JSON in uint8).',
  });

const positive = (what: string) => z.number().positive().optional().meta({ description: what });
const table = z.record(z.string(), z.number());
const numbers = z.array(z.number());
const bqmOptions = {
  offset: z.number().optional(),
  beta: positive('Inverse temperature of the file; default 1'),
  noiseTemperature_E0: positive(
    'kT of the chip in E0, default 0.1; beta kT is the E0 per energy of the file',
  ),
  barrier_E0: positive('Height of the barrier between x = -1 and 1'),
  name: z.string().max(200).optional(),
  metadata: jsonObject.optional(),
};

/** Documentation, as above: physics/bqm-file.ts and spin-model.ts are what reads it. */
export const bqmUpload = z.union([
  z
    .strictObject({
      vartype: z.enum(['SPIN', 'BINARY']),
      linear: table.meta({ description: 'Bias of every variable, by label' }),
      quadratic: z
        .union([z.array(z.tuple([z.string(), z.string(), z.number()])), z.record(z.string(), table)])
        .optional(),
      ...bqmOptions,
    })
    .meta({ description: 'A binary quadratic model' }),
  z
    .looseObject({
      variable_type: z.enum(['SPIN', 'BINARY']),
      linear_biases: numbers,
      quadratic_head: z.array(z.int()),
      quadratic_tail: z.array(z.int()),
      quadratic_biases: numbers,
      ...bqmOptions,
    })
    .meta({ description: 'What to_serializable() of dimod writes (bqm_schema 3.0.0)' }),
]);

export const model = z
  .object({
    digest,
    name: z.string().nullable(),
    units: z.int(),
    bytes: z.int().meta({ description: 'Of the canonical content the digest is taken over' }),
    metadata: jsonObject,
    createdAt: time,
  })
  .meta({ id: 'Model' });

export function modelView(row: ModelRow): z.infer<typeof model> {
  const { name, units, bytes, metadata } = row;
  return { digest: row.digest, name, units, bytes, metadata, createdAt: toTime(row.createdAt_ms) };
}
