// Schemas that several resources share: problems, pages, times, labels.
import { z } from 'zod';
import { problemCodes, type ProblemCode } from '../problems/table.ts';
import { requirementReading } from './requirements.ts';

export const time = z.string().meta({ format: 'date-time', description: 'RFC 3339, UTC' });
export const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'not a digest')
  .meta({ description: 'sha256: and 64 lower-case hex digits' });
/** Ids that a client looks up: an unknown one is 404 whatever it looks like. */
export const idParams = z.strictObject({ id: z.string().min(1).max(100) });

export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.enum(problemCodes as [ProblemCode, ...ProblemCode[]]),
    retryable: z.boolean(),
    remedy: z.string(),
    docs: z.string(),
    correlationId: z.string(),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional(),
          parameter: z.string().optional(),
          detail: z.string(),
          allowed: z.unknown().optional(),
        }),
      )
      .optional(),
    measured: z.array(requirementReading).optional().meta({ description: 'Of requirement-unmet' }),
    retryAfter_s: z.number().optional(),
    outcome: z.enum(['applied', 'not_applied', 'unknown']).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457; the codes are in docs/problems.md' });

export const problemContent = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problem } },
});

/** The problems any route that needs a key can answer with. */
export const guardProblems = {
  401: problemContent('unauthenticated'),
  403: problemContent('forbidden'),
  422: problemContent('validation-failed'),
  429: problemContent('rate-limited'),
} as const;

export const PAGE_LIMIT_MAX = 500;
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT_MAX).default(50),
  cursor: z.string().max(200).optional().meta({ description: 'nextCursor of the page before' }),
});
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });

export const failure = z
  .object({
    code: z.string(),
    message: z.string(),
    retryable: z.boolean(),
    remedy: z.string().nullable(),
    outcome: z.enum(['applied', 'not_applied', 'unknown']).nullable(),
    capture: z
      .string()
      .optional()
      .meta({ description: 'What passed on the line before it: GET /v1/captures/{id}' }),
  })
  .nullable();

export const progress = z
  .object({
    phase: z.string(),
    done: z.number(),
    total: z.number(),
    unit: z.string(),
    rate_per_s: z.number().nullable(),
    eta_s: z.number().nullable(),
  })
  .nullable()
  .meta({ description: 'While it runs' });

export const preferHeader = z.looseObject({
  prefer: z
    .string()
    .optional()
    .meta({ description: 'wait=N: answer at the next change, after N seconds at most (60)' }),
});
export const creatingHeaders = z.looseObject({
  'idempotency-key': z.string().optional().meta({
    description: 'The same key and body get the same answer again for 24 h (Idempotency-Replayed: true)',
  }),
});

export const clock = z
  .union([
    z.object({ kind: z.literal('system') }),
    z.object({ kind: z.literal('virtual'), speed: z.union([z.number(), z.literal('max')]) }),
  ])
  .meta({
    id: 'Clock',
    description:
      'Whose time the device and its link keep; virtual: `speed` of its seconds pass in a second (docs/operating.md)',
  });

export const jsonObject = z.record(z.string(), z.unknown());
/** Wall milliseconds to RFC 3339. */
export const toTime = (at_ms: number): string => new Date(at_ms).toISOString();
export const toTimeOrNull = (at_ms: number | null): string | null => (at_ms === null ? null : toTime(at_ms));
