// Image format v1 (docs/protocol.md): how a program or a field looks as the bytes that are loaded and hashed. The device's
// decoder is written a second time on purpose; golden vectors hold both to the text.
import { PhysicsError } from './errors.ts';
import { packCodes, packedBytes, unpackCodes } from './packing.ts';
import { NOISE_TEMPERATURE_CODE_MAX, pairCount, type QuantisedProgram } from './quantise.ts';

export const IMAGE_HEADER_BYTES = 128;
export const IMAGE_VERSION = 1;
export const ImageKind = { PROGRAM: 1, FIELD: 2 } as const;
/** topology_id 1: every pair i < j, row by row. */
export const TOPOLOGY_DENSE = 1;
/** packing 1: two 12-bit codes in three bytes. */
export const PACKING_12BIT_PAIRS = 1;
const MAGIC = 0x4d494c54; // "TLIM" as a little-endian u32
const UNITS_MAX = 65_535;
// Offsets of the header (docs/protocol.md, "Image format v1").
const at = {
  version: 4,
  kind: 6,
  units: 8,
  topology: 12,
  packing: 14,
  headerBytes: 16,
  couplingCount: 20,
  scaleCoupling: 24,
  scaleBias: 32,
  scaleField: 40,
  scaleJ2: 48,
  scaleJ4: 56,
  scaleNoise: 64,
  scaleState: 72,
  noiseCode: 80,
  reserved: 82,
} as const;

/** Bytes of a program image of N units. N = 784: 464,060. */
export function programImageBytes(units: number): number {
  return IMAGE_HEADER_BYTES + 3 * packedBytes(units) + packedBytes(pairCount(units));
}

/** Bytes of a field image of N units. */
export function fieldImageBytes(units: number): number {
  return IMAGE_HEADER_BYTES + packedBytes(units);
}

/** A program image that was made beforehand, and is never changed again. */
export interface ProgramImage {
  bytes: Uint8Array;
  /** SHA-256 of `bytes`, hexadecimal: the program_id. */
  id: string;
}

/** The program image; its SHA-256 is the program_id. */
export function encodeProgramImage(program: QuantisedProgram): Uint8Array {
  const { units, scale } = program;
  const image = new Uint8Array(programImageBytes(units));
  const view = header(image, ImageKind.PROGRAM, units);
  view.setUint32(at.couplingCount, pairCount(units), true);
  view.setFloat64(at.scaleCoupling, scale.coupling_E0, true);
  view.setFloat64(at.scaleBias, scale.bias_E0, true);
  view.setFloat64(at.scaleField, scale.field_E0, true);
  view.setFloat64(at.scaleJ2, scale.j2_E0, true);
  view.setFloat64(at.scaleJ4, scale.j4_E0, true);
  view.setFloat64(at.scaleNoise, scale.noiseTemperature_E0, true);
  view.setFloat64(at.scaleState, scale.state, true);
  view.setUint16(at.noiseCode, program.noiseTemperatureCode, true);
  const blocks = [program.j2Code, program.j4Code, program.biasCode, program.couplingCode];
  let offset = IMAGE_HEADER_BYTES;
  for (const block of blocks) {
    packCodes(block, image, offset);
    offset += packedBytes(block.length);
  }
  return image;
}

/** The field image of N codes on one scale (E0 per code). */
export function encodeFieldImage(code: Int16Array, scale_E0: number, stateScale: number): Uint8Array {
  const image = new Uint8Array(fieldImageBytes(code.length));
  const view = header(image, ImageKind.FIELD, code.length);
  view.setFloat64(at.scaleField, scale_E0, true);
  view.setFloat64(at.scaleState, stateScale, true);
  packCodes(code, image, IMAGE_HEADER_BYTES);
  return image;
}

/**
 * Reads a program image back.
 * @throws {PhysicsError} bad-image
 */
export function decodeProgramImage(image: Uint8Array): QuantisedProgram {
  const view = checkHeader(image, ImageKind.PROGRAM);
  const units = view.getUint32(at.units, true);
  if (view.getUint32(at.couplingCount, true) !== pairCount(units))
    throw badImage('coupling count is not N(N-1)/2');
  if (image.length !== programImageBytes(units))
    throw badImage(`length ${image.length} does not fit ${units} units`);
  let offset = IMAGE_HEADER_BYTES;
  const block = (count: number): Int16Array => {
    const code = new Int16Array(count);
    unpackCodes(image, offset, count, code);
    offset += packedBytes(count);
    return code;
  };
  const j2Code = block(units);
  const j4Code = block(units);
  const biasCode = block(units);
  const couplingCode = block(pairCount(units));
  if (j4Code.some((c) => c <= 0)) throw badImage('a J4 code is not above zero');
  const noiseTemperatureCode = view.getUint16(at.noiseCode, true);
  if (noiseTemperatureCode < 1 || noiseTemperatureCode > NOISE_TEMPERATURE_CODE_MAX)
    throw badImage(`noise temperature code ${noiseTemperatureCode}`);
  return {
    units,
    couplingCode,
    biasCode,
    j2Code,
    j4Code,
    noiseTemperatureCode,
    scale: {
      coupling_E0: scaleAt(view, at.scaleCoupling),
      bias_E0: scaleAt(view, at.scaleBias),
      field_E0: scaleAt(view, at.scaleField),
      j2_E0: scaleAt(view, at.scaleJ2),
      j4_E0: scaleAt(view, at.scaleJ4),
      noiseTemperature_E0: scaleAt(view, at.scaleNoise),
      state: scaleAt(view, at.scaleState),
    },
  };
}

/**
 * Reads a field image back.
 * @throws {PhysicsError} bad-image
 */
export function decodeFieldImage(image: Uint8Array): {
  code: Int16Array;
  scale_E0: number;
  stateScale: number;
} {
  const view = checkHeader(image, ImageKind.FIELD);
  const units = view.getUint32(at.units, true);
  if (image.length !== fieldImageBytes(units))
    throw badImage(`length ${image.length} does not fit ${units} units`);
  for (const offset of [at.scaleCoupling, at.scaleBias, at.scaleJ2, at.scaleJ4, at.scaleNoise])
    if (view.getFloat64(offset, true) !== 0) throw badImage('an unused scale is not 0');
  if (view.getUint32(at.couplingCount, true) !== 0 || view.getUint16(at.noiseCode, true) !== 0)
    throw badImage('a field image has no couplings and no noise temperature');
  const code = new Int16Array(units);
  unpackCodes(image, IMAGE_HEADER_BYTES, units, code);
  return { code, scale_E0: scaleAt(view, at.scaleField), stateScale: scaleAt(view, at.scaleState) };
}

function header(image: Uint8Array, kind: number, units: number): DataView {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  view.setUint32(0, MAGIC, true);
  view.setUint16(at.version, IMAGE_VERSION, true);
  view.setUint16(at.kind, kind, true);
  view.setUint32(at.units, units, true);
  view.setUint16(at.topology, TOPOLOGY_DENSE, true);
  view.setUint16(at.packing, PACKING_12BIT_PAIRS, true);
  view.setUint32(at.headerBytes, IMAGE_HEADER_BYTES, true);
  return view;
}

function checkHeader(image: Uint8Array, kind: number): DataView {
  if (image.length < IMAGE_HEADER_BYTES) throw badImage(`${image.length} bytes are less than a header`);
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw badImage('no TLIM magic');
  if (view.getUint16(at.version, true) !== IMAGE_VERSION) throw badImage('unknown version');
  if (view.getUint16(at.kind, true) !== kind) throw badImage('another kind of image');
  if (view.getUint16(at.topology, true) !== TOPOLOGY_DENSE) throw badImage('unknown topology');
  if (view.getUint16(at.packing, true) !== PACKING_12BIT_PAIRS) throw badImage('unknown packing');
  if (view.getUint32(at.headerBytes, true) !== IMAGE_HEADER_BYTES) throw badImage('unknown header length');
  const units = view.getUint32(at.units, true);
  if (units < 1 || units > UNITS_MAX) throw badImage(`${units} units`);
  for (let k = at.reserved; k < IMAGE_HEADER_BYTES; k++)
    if (image[k] !== 0) throw badImage(`reserved byte ${k} is not 0`);
  return view;
}

function scaleAt(view: DataView, offset: number): number {
  const scale = view.getFloat64(offset, true);
  if (!Number.isFinite(scale) || scale <= 0) throw badImage(`the scale at byte ${offset} is ${scale}`);
  return scale;
}

function badImage(message: string): PhysicsError {
  return new PhysicsError('bad-image', `not a valid image: ${message}`, {
    allowed: 'image format v1 (docs/protocol.md)',
  });
}
