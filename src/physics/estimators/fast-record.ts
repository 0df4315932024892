// What an estimator out of equilibrium is given: states read at equal, short intervals while a program runs.
import { PhysicsError } from '../errors.ts';

export interface FastRecord {
  /** Readout codes, [samples][reads][units]. */
  codes: Int16Array;
  samples: number;
  /** Equally spaced, `spacing` apart; couplings and biases act from the first to the last. */
  reads: number;
  units: number;
  /** x per code. */
  stateScale: number;
  /** Time between reads, in 1/(mu E0). */
  spacing: number;
  /** code * stateScale = gain * x + offset + noise. Absent: 1, 0, and no noise but that of rounding to codes. */
  readout?: { gain_ratio: ArrayLike<number>; offset_x: ArrayLike<number>; noise_x: ArrayLike<number> };
}

/** Reads states in x out of a record, into the caller's array. */
export interface StateReader {
  read(sample: number, read: number, into: Float64Array): void;
  /** Variance of one read of each unit, in x: the readout's noise and the rounding to codes. */
  readonly variance_x2: Float64Array;
}

/** @throws {PhysicsError} bad-argument: fewer than three reads, a shape that is not that of the codes, no spacing */
export function stateReader(record: FastRecord): StateReader {
  checkRecord(record);
  const { codes, reads, units, stateScale, readout } = record;
  const slope = Float64Array.from({ length: units }, (_, i) => stateScale / (readout?.gain_ratio[i] ?? 1));
  const shift = Float64Array.from(
    { length: units },
    (_, i) => -(readout?.offset_x[i] ?? 0) / (readout?.gain_ratio[i] ?? 1),
  );
  return {
    read(sample, read, into) {
      const first = (sample * reads + read) * units;
      for (let i = 0; i < units; i++) into[i] = codes[first + i] * slope[i] + shift[i];
    },
    variance_x2: Float64Array.from({ length: units }, (_, i) => {
      const noise_x = (readout?.noise_x[i] ?? 0) / (readout?.gain_ratio[i] ?? 1);
      return noise_x * noise_x + (slope[i] * slope[i]) / 12;
    }),
  };
}

function checkRecord({ codes, samples, reads, units, spacing }: FastRecord): void {
  const refuse = (message: string, pointer: string, allowed: string): never => {
    throw new PhysicsError('bad-argument', message, { pointer, allowed });
  };
  if (codes.length !== samples * reads * units || samples < 1 || units < 1)
    refuse(
      `${codes.length} codes are not ${samples} x ${reads} x ${units}`,
      '/codes',
      'samples x reads x units',
    );
  if (reads < 3) refuse(`${reads} reads`, '/reads', 'three reads or more of each sample');
  if (!(Number.isFinite(spacing) && spacing > 0)) refuse(`a spacing of ${spacing}`, '/spacing', 'above 0');
}
