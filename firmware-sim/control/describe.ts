// The methods that say what the twin is: its identity, and its chip profile in full.
import { z } from 'zod';
import type { ChipProfile } from '../chip/index.ts';
import { controlMethod } from './methods.ts';
import type { ControlMethods } from './methods.ts';

export interface TwinFacts {
  readonly uid: string;
  readonly units: number;
  readonly profile: ChipProfile;
  readonly profileDigest: string;
  /** Virtual seconds per second; 'max': as fast as the work allows. */
  speed(): number | 'max';
  /** The faults that act now. */
  faultsActive(): readonly unknown[];
}

const nothing = z.strictObject({});
const description = z.object({
  uid: z.string(),
  simulated: z.literal(true),
  units: z.int(),
  profile: z.object({ name: z.string(), digest: z.string() }),
  speed: z.union([z.number(), z.literal('max')]),
  faultsActive: z.array(z.unknown()),
});

/** `twin.describe` and `profile.get`. */
export function describeMethods(facts: TwinFacts): ControlMethods {
  const { uid, units, profile, profileDigest } = facts;
  return {
    'twin.describe': controlMethod({
      params: nothing,
      result: description,
      handle: () => ({
        uid,
        simulated: true,
        units,
        profile: { name: profile.name, digest: profileDigest },
        speed: facts.speed(),
        faultsActive: facts.faultsActive(),
      }),
    }),
    'profile.get': controlMethod({
      params: nothing,
      result: z.object({ digest: z.string(), profile: z.unknown() }),
      handle: () => ({ digest: profileDigest, profile }),
    }),
  };
}
