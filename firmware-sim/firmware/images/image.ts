// Reads image format v1 (docs/protocol.md) out of bank memory. Written a second time on purpose, apart from the host's
// encoder, so that an error of either shows. A device believes nothing: whatever is not exactly the format is refused.
import type { CoreProgram } from '../../chip/analog-core.ts';
import { Code, Detail } from '../../../src/link/messages/index.ts';
import type { BlockRange, Capabilities } from '../../../src/link/messages/index.ts';
import { CODE_MAX, packedBytes, unpackCodes } from './packing.ts';
import { accept, refuse } from '../status.ts';
import type { Outcome } from '../status.ts';

export const IMAGE_VERSION = 1;
export const TOPOLOGY_DENSE = 1;
export const PACKING_PAIRS_12 = 1;
const MAGIC = 'TLIM';
const HEADER_BYTES = 128;
const RESERVED_FROM = 82;
const KIND_PROGRAM = 1;
const KIND_FIELD = 2;
const NOISE_CODE_MAX = 4095;
/** A full scale is a product of two rounded numbers on the host's side too. */
const RANGE_SLACK_RATIO = 1e-9;

type ScaledBlock = 'coupling' | 'bias' | 'field' | 'j2' | 'j4' | 'noiseTemperature';
/** Offset of each block's scale in the header, and the largest code it multiplies. */
const SCALES: Record<ScaledBlock, { at: number; codeMax: number }> = {
  coupling: { at: 24, codeMax: CODE_MAX },
  bias: { at: 32, codeMax: CODE_MAX },
  field: { at: 40, codeMax: CODE_MAX },
  j2: { at: 48, codeMax: CODE_MAX },
  j4: { at: 56, codeMax: CODE_MAX },
  noiseTemperature: { at: 64, codeMax: NOISE_CODE_MAX },
};
const STATE_SCALE_AT = 72;
const NOISE_CODE_AT = 80;

export interface FieldTable {
  units: number;
  code: Int16Array;
  scale_E0: number;
}

const pairCount = (units: number): number => (units * (units - 1)) / 2;

/** Bytes of the program image of `units` units; 464,060 for 784. */
export function programImageBytes(units: number): number {
  return HEADER_BYTES + 3 * packedBytes(units) + packedBytes(pairCount(units));
}

/** Bytes of a field image. */
export function fieldImageBytes(units: number): number {
  return HEADER_BYTES + packedBytes(units);
}

class BadLayout extends Error {}
function bad(message: string): never {
  throw new BadLayout(message);
}

/** Decodes a program; every defect is refused as BAD_LAYOUT with the reason. */
export function decodeProgram(image: Uint8Array, capabilities: Capabilities): Outcome<CoreProgram> {
  return guarded(() => readProgram(image, capabilities));
}

/** Decodes a field; every defect is refused as BAD_LAYOUT with the reason. */
export function decodeField(image: Uint8Array, capabilities: Capabilities): Outcome<FieldTable> {
  return guarded(() => readField(image, capabilities));
}

function guarded<T>(read: () => T): Outcome<T> {
  try {
    return accept(read());
  } catch (error) {
    if (error instanceof BadLayout) return refuse(Code.INVALID_ARGUMENT, Detail.BAD_LAYOUT, error.message);
    throw error;
  }
}

function readProgram(image: Uint8Array, capabilities: Capabilities): CoreProgram {
  const view = readHeader(image, KIND_PROGRAM, capabilities);
  const units = view.getUint32(8, true);
  const pairs = view.getUint32(20, true);
  if (pairs !== pairCount(units)) bad(`${pairs} couplings, ${units} units have ${pairCount(units)}`);
  if (image.length !== programImageBytes(units)) {
    bad(`${image.length} bytes, a program of ${units} units has ${programImageBytes(units)}`);
  }
  const noiseTemperatureCode = view.getUint16(NOISE_CODE_AT, true);
  if (noiseTemperatureCode < 1 || noiseTemperatureCode > NOISE_CODE_MAX) {
    bad(`noise temperature code ${noiseTemperatureCode}, allowed 1..${NOISE_CODE_MAX}`);
  }
  const scale = {
    coupling_E0: scaleOf(view, 'coupling', capabilities),
    bias_E0: scaleOf(view, 'bias', capabilities),
    field_E0: scaleOf(view, 'field', capabilities),
    j2_E0: scaleOf(view, 'j2', capabilities),
    j4_E0: scaleOf(view, 'j4', capabilities),
    noiseTemperature_E0: scaleOf(view, 'noiseTemperature', capabilities),
    state: capabilities.stateScale,
  };
  const blocks = blockReader(image);
  const j2Code = blocks('J2', units);
  const j4Code = blocks('J4', units);
  const biasCode = blocks('bias', units);
  const couplingCode = blocks('coupling', pairs);
  const notAbove = j4Code.findIndex((code) => code <= 0);
  if (notAbove >= 0) bad(`J4 code ${j4Code[notAbove]} of unit ${notAbove} is not above 0`);
  return { units, couplingCode, biasCode, j2Code, j4Code, noiseTemperatureCode, scale };
}

function readField(image: Uint8Array, capabilities: Capabilities): FieldTable {
  const view = readHeader(image, KIND_FIELD, capabilities);
  const units = view.getUint32(8, true);
  if (image.length !== fieldImageBytes(units)) {
    bad(`${image.length} bytes, a field of ${units} units has ${fieldImageBytes(units)}`);
  }
  if (view.getUint32(20, true) !== 0) bad('a field has no couplings, its coupling count is not 0');
  if (view.getUint16(NOISE_CODE_AT, true) !== 0) bad('a field has no noise temperature, its code is not 0');
  for (const [name, { at }] of Object.entries(SCALES)) {
    if (name !== 'field' && view.getFloat64(at, true) !== 0)
      bad(`the unused ${name} scale of a field is not 0`);
  }
  const scale_E0 = scaleOf(view, 'field', capabilities);
  return { units, code: blockReader(image)('field', units), scale_E0 };
}

/** The checks that both kinds share, in the order of the header. */
function readHeader(image: Uint8Array, kind: number, capabilities: Capabilities): DataView {
  if (image.length < HEADER_BYTES) bad(`${image.length} bytes are less than the header of ${HEADER_BYTES}`);
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const field16 = (at: number, name: string, expected: number): void => {
    const value = view.getUint16(at, true);
    if (value !== expected) bad(`${name} ${value}, expected ${expected}`);
  };
  if (Buffer.from(image.subarray(0, 4)).toString('latin1') !== MAGIC) bad(`the magic is not ${MAGIC}`);
  field16(4, 'image version', IMAGE_VERSION);
  field16(6, 'image kind', kind);
  const units = view.getUint32(8, true);
  if (units < 1 || units > capabilities.unitsMax) bad(`${units} units, allowed 1..${capabilities.unitsMax}`);
  field16(12, 'topology', TOPOLOGY_DENSE);
  field16(14, 'packing', PACKING_PAIRS_12);
  if (view.getUint32(16, true) !== HEADER_BYTES) bad(`the header length is not ${HEADER_BYTES}`);
  const state = view.getFloat64(STATE_SCALE_AT, true);
  if (state !== capabilities.stateScale)
    bad(`state scale ${state}, this converter's is ${capabilities.stateScale}`);
  const reserved = image.subarray(RESERVED_FROM, HEADER_BYTES).findIndex((byte) => byte !== 0);
  if (reserved >= 0) bad(`reserved byte ${RESERVED_FROM + reserved} is not 0`);
  return view;
}

function scaleOf(view: DataView, name: ScaledBlock, capabilities: Capabilities): number {
  const { at, codeMax } = SCALES[name];
  const scale = view.getFloat64(at, true);
  if (!Number.isFinite(scale) || scale <= 0) bad(`the ${name} scale ${scale} is not a finite number above 0`);
  const range: BlockRange | undefined = capabilities[name];
  if (range === undefined) return scale;
  const fullScale = scale * codeMax;
  const below = fullScale < range.fullScaleMin * (1 - RANGE_SLACK_RATIO);
  if (below || fullScale > range.fullScaleMax * (1 + RANGE_SLACK_RATIO)) {
    bad(`${name} full scale ${fullScale} E0, allowed ${range.fullScaleMin}..${range.fullScaleMax}`);
  }
  return scale;
}

/** Reads the blocks one behind the other. */
function blockReader(image: Uint8Array): (name: string, count: number) => Int16Array {
  let offset = HEADER_BYTES;
  return (name, count) => {
    const codes =
      unpackCodes(image, offset, count) ?? bad(`a ${name} code is -2048, or its padding is not 0`);
    offset += packedBytes(count);
    return codes;
  };
}
