// The canonical bytes of a model: what its digest is taken over, and what lies in its blob. Equal parameters give
// equal bytes, whatever file or JSON they came in; names and metadata are not part of them.
//
//   0 "TLMC"   4 u32 version = 1   8 u32 units N   12 u32 zero   16 f64 kT   then f64: J2 (N), J4 (N), b (N), J (pairs i < j)
//
// All little-endian. -0 is written as 0.
import { createHash } from 'node:crypto';
import { StoreError } from './errors.ts';
import type { Digest } from './rows.ts';

/** The parameters of a model, energies in E0; the same shape as Model in src/physics. */
export interface ModelContent {
  units: number;
  /** N x N row by row, symmetric, zero diagonal. */
  couplings: Float64Array;
  biases: Float64Array;
  j2: Float64Array;
  j4: Float64Array;
  noiseTemperature_E0: number;
}

const MAGIC = 0x434d4c54; // "TLMC"
const HEADER_BYTES = 24;
const VERSION = 1;

/** SHA-256 of bytes, in the form that names models and blobs. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The canonical bytes of a valid model (validate first: physics.validateModel). */
export function encodeModelContent(model: ModelContent): Uint8Array {
  const { units } = model;
  const bytes = new Uint8Array(contentBytes(units));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, units, true);
  let at = 16;
  const write = (value: number): void => {
    view.setFloat64(at, value + 0, true); // -0 + 0 is 0
    at += 8;
  };
  write(model.noiseTemperature_E0);
  for (const block of [model.j2, model.j4, model.biases]) block.forEach(write);
  for (let i = 0; i < units; i++) for (let j = i + 1; j < units; j++) write(model.couplings[i * units + j]);
  return bytes;
}

/** Back from canonical bytes; `corrupt-blob` when they are none. */
export function decodeModelContent(bytes: Uint8Array): ModelContent {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const known =
    bytes.length >= HEADER_BYTES && view.getUint32(0, true) === MAGIC && view.getUint32(4, true) === VERSION;
  const units = known ? view.getUint32(8, true) : 0;
  if (!known || bytes.length !== contentBytes(units))
    throw new StoreError(
      'corrupt-blob',
      `the stored model of ${bytes.length} bytes is not canonical content`,
    );
  let at = 16;
  const read = (): number => view.getFloat64((at += 8) - 8, true);
  const block = (): Float64Array => Float64Array.from({ length: units }, read);
  const noiseTemperature_E0 = read();
  const [j2, j4, biases] = [block(), block(), block()];
  const couplings = new Float64Array(units * units);
  for (let i = 0; i < units; i++)
    for (let j = i + 1; j < units; j++) couplings[i * units + j] = couplings[j * units + i] = read();
  return { units, couplings, biases, j2, j4, noiseTemperature_E0 };
}

/** The digest that names a model. */
export function modelDigest(model: ModelContent): Digest {
  return digestOf(encodeModelContent(model));
}

function contentBytes(units: number): number {
  return HEADER_BYTES + 8 * (3 * units + (units * (units - 1)) / 2);
}
