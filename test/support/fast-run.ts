// Fast records of a model in plain double precision: Euler-Maruyama with nothing of the chip's arithmetic, through a readout
// with gains, offsets and noise.
import type { FastRecord, Model } from '../../src/physics/index.ts';
import { gaussianFrom } from './gaussian.ts';

export interface FastRun {
  /** Couplings that act over those of the model; default 1. */
  gain?: number;
  samples: number;
  reads: number;
  spacing: number;
  dt: number;
  seed: number;
  /** Coupled time before the first read; default 0: the record begins at switch-on, after 2.5 uncoupled. */
  settle?: number;
  /** kT over the model's; default 1. */
  noiseTemperature_ratio?: number;
  mobility_ratio?: number;
  readoutNoise_x?: number;
  gain_ratio?: Float64Array;
  offset_x?: Float64Array;
}

const STATE_SCALE = 2 ** -10;
const PREPARE = 2.5;

export function fastRun(model: Model, run: FastRun): FastRecord {
  const { samples, reads, spacing, dt, settle = 0 } = run;
  const { units } = model;
  const normal = gaussianFrom(run.seed);
  const noise_x = new Float64Array(units).fill(run.readoutNoise_x ?? 0);
  const readout = {
    gain_ratio: run.gain_ratio ?? new Float64Array(units).fill(1),
    offset_x: run.offset_x ?? new Float64Array(units),
    noise_x,
  };
  const codes = new Int16Array(samples * reads * units);
  const x = new Float64Array(units);
  const step = stepper(model, run, normal);
  const advance = (time: number, coupled: boolean): void => {
    for (let k = Math.round(time / dt); k > 0; k--) step(x, coupled);
  };
  for (let sample = 0, at = 0; sample < samples; sample++) {
    x.fill(0);
    advance(PREPARE, false);
    advance(settle, true);
    for (let read = 0; read < reads; read++) {
      if (read > 0) advance(spacing, true);
      for (let i = 0; i < units; i++, at++) {
        const value = readout.gain_ratio[i] * x[i] + readout.offset_x[i] + noise_x[i] * normal();
        codes[at] = Math.max(-2047, Math.min(2047, Math.round(value / STATE_SCALE)));
      }
    }
  }
  return { codes, samples, reads, units, stateScale: STATE_SCALE, spacing, readout };
}

function stepper(
  { units, couplings, biases, j2, j4, noiseTemperature_E0 }: Model,
  { gain = 1, dt, noiseTemperature_ratio = 1, mobility_ratio = 1 }: FastRun,
  normal: () => number,
): (x: Float64Array, coupled: boolean) => void {
  const force = new Float64Array(units);
  const pace = mobility_ratio * dt;
  const kick = Math.sqrt(2 * pace * noiseTemperature_E0 * noiseTemperature_ratio);
  return (x, coupled) => {
    for (let i = 0, at = 0; i < units; i++) {
      let sum = x[i] * (2 * j2[i] + 4 * j4[i] * x[i] * x[i]);
      if (coupled) {
        sum += biases[i];
        for (let j = 0; j < units; j++, at++) sum += gain * couplings[at] * x[j];
      }
      force[i] = -sum;
    }
    for (let i = 0; i < units; i++) x[i] += pace * force[i] + kick * normal();
  };
}

/** Symmetric Gaussian couplings of this s.d., E0, without a diagonal. */
export function randomPairs(units: number, sd_E0: number, seed: number): Float64Array {
  const normal = gaussianFrom(seed);
  const couplings = new Float64Array(units * units);
  for (let i = 0; i < units; i++)
    for (let j = i + 1; j < units; j++)
      couplings[i * units + j] = couplings[j * units + i] = sd_E0 * normal();
  return couplings;
}
