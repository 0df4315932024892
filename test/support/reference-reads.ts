// Codes of a converter reference through channels with known gain, offset and Gaussian noise.
import type { CodeBlock } from '../../src/calibration/moments.ts';
import { gaussianFrom } from './gaussian.ts';

export interface SyntheticReference {
  seed: number;
  samples: number;
  units: number;
  levels_x: readonly number[];
  gain(unit: number): number;
  offset_x(unit: number): number;
  noise_x: number;
}

export function referenceReads(options: SyntheticReference): CodeBlock {
  const { seed, samples, units, levels_x } = options;
  const gaussian = gaussianFrom(seed);
  const stateScale = 2 ** -10;
  const codes = new Int16Array(samples * levels_x.length * units);
  for (let k = 0, at = 0; k < samples; k++)
    for (const level of levels_x)
      for (let i = 0; i < units; i++, at++) {
        const noise = options.noise_x === 0 ? 0 : options.noise_x * gaussian();
        codes[at] = Math.round((options.gain(i) * level + options.offset_x(i) + noise) / stateScale);
      }
  return { codes, samples, reads: levels_x.length, units, stateScale };
}
