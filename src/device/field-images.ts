// Forces on the units as the images that a device keeps in its field slots, and what their codes come to.
import { createHash } from 'node:crypto';
import { encodeFieldImage, quantiseField, type ProgramRanges } from '../physics/index.ts';

/** A field as it is loaded. */
export interface FieldImage {
  /** SHA-256 of the bytes, hexadecimal. */
  id: string;
  bytes: Uint8Array;
  units: number;
}

/**
 * The image of N forces, E0. Equal forces give equal images.
 * @throws {PhysicsError} not-finite, field-out-of-range
 */
export function fieldImage(force_E0: Float64Array, ranges: ProgramRanges): FieldImage {
  const { code, scale_E0 } = quantiseField(force_E0, ranges.field);
  const bytes = encodeFieldImage(code, scale_E0, ranges.stateScale);
  return { id: createHash('sha256').update(bytes).digest('hex'), bytes, units: code.length };
}

/**
 * What a device with these ranges is told for N forces, E0: the nearest codes of its field converters. All forces of one
 * size come out exact; others are off by at most the largest / 3274.
 * @throws {PhysicsError} as fieldImage
 */
export function appliedForce_E0(force_E0: Float64Array, ranges: ProgramRanges): Float64Array {
  const { code, scale_E0 } = quantiseField(force_E0, ranges.field);
  return Float64Array.from(code, (c) => c * scale_E0);
}
