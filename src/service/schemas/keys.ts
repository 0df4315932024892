// Keys as the API takes and shows them; a secret appears once, in the answer that makes the key.
import { z } from 'zod';
import type { KeyRow } from '../../store/index.ts';
import { grantableRoles, scopes } from '../auth/matrix.ts';
import { time, toTime, toTimeOrNull } from './common.ts';

export const keyRequest = z
  .strictObject({
    name: z.string().min(1).max(100),
    role: z.enum(grantableRoles),
    scopes: z.array(z.enum(scopes)).min(1).optional().meta({ description: 'Fewer than the role has' }),
    devices: z
      .array(z.string().min(1).max(100))
      .max(100)
      .optional()
      .meta({ description: 'Chips that a ci key may use; without it a ci key uses twins only' }),
    expiresAt: z.iso.datetime().optional(),
  })
  .meta({ id: 'KeyRequest' });

export const key = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.string(),
    scopes: z.array(z.string()),
    devices: z.array(z.string()),
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

export function keyView(row: KeyRow): z.infer<typeof key> {
  const named = row.scopes.filter((scope) => scope.startsWith(DEVICE_SCOPE));
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    scopes: row.scopes.filter((scope) => !named.includes(scope)),
    devices: named.map((scope) => scope.slice(DEVICE_SCOPE.length)),
    expiresAt: toTimeOrNull(row.expiresAt_ms),
    createdAt: toTime(row.createdAt_ms),
    revokedAt: toTimeOrNull(row.revokedAt_ms),
    lastUsedAt: toTimeOrNull(row.lastUsedAt_ms),
  };
}
