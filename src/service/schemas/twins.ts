// Twins and the faults planted in them, as the API takes and shows them.
import { z } from 'zod';
import { fault } from '../twins/channel.ts';
import { clock } from './common.ts';

const FAULTS_MAX = 64;

export const twinFaults = z
  .object({
    device: z.string(),
    deviceTime_s: z.number(),
    faults: z.array(fault).meta({ description: 'docs/twin.md, Faults on demand' }),
  })
  .meta({ id: 'TwinFaults' });

export const twin = z
  .object({
    device: z.string(),
    uid: z.string().nullable(),
    reachable: z
      .boolean()
      .meta({ description: 'Its control channel answers; without that the rest is null' }),
    units: z.int().nullable(),
    profile: z.object({ name: z.string(), digest: z.string() }).nullable(),
    clock,
    speed: z.union([z.number(), z.literal('max')]).nullable(),
    faultsActive: z.boolean().meta({ description: 'Also while nobody can say' }),
    faults: z.array(fault).nullable(),
  })
  .meta({ id: 'Twin' });

export const wholeTwin = twin
  .extend({
    wholeProfile: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'Every number of the chip that it simulates: docs/twin.md, Profiles' }),
  })
  .meta({ id: 'WholeTwin' });

export const faultsRequest = z.strictObject({
  faults: z
    .array(
      z.looseObject({ component: z.string().max(100), type: z.string().max(100) }).meta({
        description: 'component, type, target, magnitude and so on: docs/twin.md, Faults on demand',
      }),
    )
    .max(FAULTS_MAX)
    .meta({ description: 'These and no others' }),
});
export const faultParams = z.strictObject({
  id: z.string().min(1).max(100),
  fault: z.string().min(1).max(100),
});
