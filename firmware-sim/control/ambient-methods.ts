// The methods that say and change what the twin stands in.
import { z } from 'zod';
import { ambientSchema } from '../chip/thermal/index.ts';
import type { Ambient } from '../chip/thermal/index.ts';
import { controlMethod } from './methods.ts';
import type { ControlMethods } from './methods.ts';

/** What the methods act on. */
export interface AmbientSource {
  readonly ambient: Ambient;
  /** Now, degrees Celsius. */
  readonly temperature_C: number;
  set(ambient: Ambient | null): void;
}

const stated = z.object({
  ambient: ambientSchema,
  temperature_C: z.number().describe('Of the surroundings, now.'),
});

/** `ambient.get` and `ambient.set`; both answer what holds then. */
export function ambientMethods(surroundings: AmbientSource): ControlMethods {
  const state = (): z.output<typeof stated> => ({
    ambient: surroundings.ambient,
    temperature_C: surroundings.temperature_C,
  });
  return {
    'ambient.get': controlMethod({ params: z.strictObject({}), result: stated, handle: state }),
    'ambient.set': controlMethod({
      params: z.strictObject({
        ambient: ambientSchema.nullable().describe('null: what the twin was started with.'),
      }),
      result: stated,
      handle: ({ ambient }) => {
        surroundings.set(ambient);
        return state();
      },
    }),
  };
}
