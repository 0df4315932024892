// Sample records (SAMPLE_FORMAT_PACKED12): one record per restart, all reads in schedule order, each read N packed codes.
import { PhysicsError } from './errors.ts';
import { packedBytes, unpackCodes } from './packing.ts';

export interface SampleShape {
  units: number;
  /** Reads per restart. */
  reads: number;
  samples: number;
}

/** Bytes of the record of one sample. */
export function recordBytes(units: number, reads: number): number {
  return reads * packedBytes(units);
}

/**
 * Unpacks the records of a run.
 * @returns readout codes, shape [samples][reads][units]; times the state scale they are x
 * @throws {PhysicsError} bad-record when the length or a code does not fit
 */
export function decodeSamples(bytes: Uint8Array, shape: SampleShape): Int16Array {
  const { units, reads, samples } = shape;
  const expected = samples * recordBytes(units, reads);
  if (bytes.length !== expected)
    throw new PhysicsError('bad-record', `a run has ${bytes.length} bytes, expected ${expected}`, {
      allowed: `${samples} records of ${recordBytes(units, reads)} bytes`,
    });
  const codes = new Int16Array(samples * reads * units);
  for (let k = 0; k < samples * reads; k++)
    unpackCodes(bytes, k * packedBytes(units), units, codes, k * units);
  return codes;
}

/** The state x of one read of one sample. */
export function stateOf(
  codes: Int16Array,
  shape: SampleShape,
  stateScale: number,
  sample: number,
  read: number,
): Float64Array {
  const from = (sample * shape.reads + read) * shape.units;
  return Float64Array.from(codes.subarray(from, from + shape.units), (c) => c * stateScale);
}
