// Keys as the API takes and shows them; a secret appears once, in the answer that makes the key.
import { z } from 'zod';
import { JobPriority, type JobPriorityName } from '../../jobs/index.ts';
import type { KeyLimits, KeyRow } from '../../store/index.ts';
import { grantableRoles, scopes } from '../auth/matrix.ts';
import { isNetwork } from '../auth/networks.ts';
import { time, toTime, toTimeOrNull } from './common.ts';

const deviceNames = z.array(z.string().min(1).max(100)).max(100);
const network = z.string().max(50).refine(isNetwork, 'not a network such as 192.0.2.0/24 or 2001:db8::/32');
const priorities = Object.keys(JobPriority) as [JobPriorityName, ...JobPriorityName[]];

const limitShape = {
  devices: deviceNames.nullable().meta({ description: 'The only devices it may use; null: all' }),
  backends: z
    .array(z.enum(['chip', 'twin', 'replay']))
    .max(3)
    .nullable()
    .meta({ description: 'The only kinds of device it may use; null: all' }),
  maxPriority: z.enum(priorities).nullable().meta({ description: 'The highest priority of its jobs' }),
  requestsPerMinute: z
    .int()
    .min(0)
    .max(1_000_000)
    .nullable()
    .meta({ description: 'null: the rate limit of the service; 0: exempt from it' }),
  queuedJobsMax: z
    .int()
    .min(0)
    .max(1_000_000)
    .nullable()
    .meta({ description: 'Jobs that wait at the same time' }),
  storageBytesMax: z
    .int()
    .min(0)
    .nullable()
    .meta({ description: 'Bytes of its models and samples together' }),
  energyPerDay_J: z.number().min(0).nullable().meta({
    description: 'Electrical energy of its jobs in a UTC day, joules (the heat ledger)',
  }),
  cidr: z
    .array(network)
    .max(50)
    .meta({ description: 'Networks it may come from, as 192.0.2.0/24; empty: from anywhere' }),
};
/** Named ones replace what the key has; the others stay. */
const limitsRequest = z.strictObject(limitShape).partial().meta({ id: 'KeyLimitsRequest' });
const limits = z.object({ ...limitShape, maxPriority: z.string().nullable() }).meta({ id: 'KeyLimits' });

const editable = {
  name: z.string().min(1).max(100),
  scopes: z
    .array(z.enum(scopes))
    .min(1)
    .max(scopes.length)
    .meta({ description: 'Those of the role, or fewer' }),
  devices: deviceNames.meta({
    description: 'Chips that a ci key may use; without it a ci key uses twins only',
  }),
  limits: limitsRequest,
};

export const keyRequest = z
  .strictObject({
    ...editable,
    role: z.enum(grantableRoles),
    expiresAt: z.iso.datetime(),
  })
  .partial()
  .required({ name: true, role: true })
  .meta({ id: 'KeyRequest' });

export const keyEdit = z
  .strictObject({ ...editable, expiresAt: z.iso.datetime().nullable() })
  .partial()
  .refine((edit) => Object.keys(edit).length > 0, 'nothing to change')
  .meta({ id: 'KeyEdit', minProperties: 1 });
export type KeyEdit = z.infer<typeof keyEdit>;

export const key = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.string(),
    scopes: z.array(z.string()),
    devices: z.array(z.string()),
    limits,
    expiresAt: time.nullable(),
    createdAt: time,
    revokedAt: time.nullable(),
    lastUsedAt: time.nullable(),
  })
  .meta({ id: 'Key' });

export const newKey = key
  .extend({
    key: z
      .string()
      .nullable()
      .meta({ description: 'tlk_<id>_<secret>; shown once, null in a replayed answer' }),
  })
  .meta({ id: 'NewKey' });

/** A named device stands among the scopes of a key in this form. */
const DEVICE_SCOPE = 'device:use:';
export const deviceScope = (device: string): string => `${DEVICE_SCOPE}${device}`;

/** The limits of a key after a request that names some of them. */
export function withLimits(present: Readonly<KeyLimits>, asked: Partial<KeyLimits> = {}): KeyLimits {
  return { ...present, ...asked };
}

/** The chips that the scopes of a key name. */
export const namedDevices = (scopes: readonly string[]): string[] =>
  scopes.filter((scope) => scope.startsWith(DEVICE_SCOPE)).map((scope) => scope.slice(DEVICE_SCOPE.length));

export function keyView(row: KeyRow): z.infer<typeof key> {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    scopes: row.scopes.filter((scope) => !scope.startsWith(DEVICE_SCOPE)),
    devices: namedDevices(row.scopes),
    limits: row.limits,
    expiresAt: toTimeOrNull(row.expiresAt_ms),
    createdAt: toTime(row.createdAt_ms),
    revokedAt: toTimeOrNull(row.revokedAt_ms),
    lastUsedAt: toTimeOrNull(row.lastUsedAt_ms),
  };
}
