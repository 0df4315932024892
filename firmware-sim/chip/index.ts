// The analog core of the twin as its firmware sees it: one function that builds an `AnalogCore`.
import type { AnalogCore } from './analog-core.ts';

export * from './analog-core.ts';

export interface TwinCoreOptions {
  /** Largest program, in units. */
  units: number;
  /** Worker threads; the samples do not depend on it. */
  threads: number;
  /** Error of the actual noise temperature: kT_actual = kT_programmed * (1 + error). */
  noiseTemperatureError_ratio: number;
}

/** Builds the simulated analog core and starts its workers. */
export function createTwinCore(_options: TwinCoreOptions): Promise<AnalogCore> {
  return Promise.reject(new Error('the integer kernel is not built yet'));
}
