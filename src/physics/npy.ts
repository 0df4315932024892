// NumPy's .npy and .npz as pure functions between bytes and typed arrays: how models and samples leave and enter.
import { PhysicsError } from './errors.ts';
import { unzip, zipStored } from './zip.ts';

export type NpyData =
  | Float64Array
  | Float32Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigInt64Array;

export interface NpyArray {
  /** [] is a scalar. */
  shape: number[];
  /** Row by row (C order), little-endian machine order. */
  data: NpyData;
}

type DataConstructor = {
  new (buffer: ArrayBuffer): NpyData;
  BYTES_PER_ELEMENT: number;
};
const dtypes: Record<string, DataConstructor> = {
  '<f8': Float64Array,
  '<f4': Float32Array,
  '<i8': BigInt64Array,
  '<i4': Int32Array,
  '<i2': Int16Array,
  '|i1': Int8Array,
  '|u1': Uint8Array,
  '<u2': Uint16Array,
  '<u4': Uint32Array,
};
const MAGIC = '\x93NUMPY';
/** Header and data are aligned to this, as NumPy does. */
const ALIGNMENT_BYTES = 64;
/** NumPy's headers have about 120 bytes. */
const HEADER_BYTES_MAX = 16_384;

/** The bytes of a .npy, version 1.0, C order. */
export function encodeNpy(array: NpyArray): Uint8Array {
  const { shape, data } = array;
  if (shape.reduce((a, b) => a * b, 1) !== data.length)
    throw new PhysicsError('wrong-shape', `${data.length} numbers do not make shape (${shape.join(', ')})`, {
      allowed: 'as many numbers as the shape has places',
    });
  const dtype = Object.entries(dtypes).find(([, type]) => data instanceof type)?.[0] ?? '';
  const head = npyHeader(dtype, shape);
  const bytes = new Uint8Array(head.length + data.byteLength);
  bytes.set(head);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), head.length);
  return bytes;
}

/** What stands before the data of a .npy, for files that are written piece by piece. @param dtype as `<f4` */
export function npyHeader(dtype: string, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${dtype}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const dataFrom = Math.ceil((10 + text.length + 1) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  const bytes = new Uint8Array(dataFrom).fill(0x20);
  const head = `${MAGIC}\x01\x00`;
  for (let k = 0; k < head.length; k++) bytes[k] = head.charCodeAt(k);
  new DataView(bytes.buffer).setUint16(8, dataFrom - 10, true);
  for (let k = 0; k < text.length; k++) bytes[10 + k] = text.charCodeAt(k);
  bytes[dataFrom - 1] = 0x0a;
  return bytes;
}

/**
 * Reads a .npy of little-endian numbers.
 * @throws {PhysicsError} bad-npz when it is truncated, too long, malformed, or of another number type
 */
export function decodeNpy(bytes: Uint8Array, name = 'array'): NpyArray {
  if (bytes.length < 12 || latin1(bytes.subarray(0, 6)) !== MAGIC) throw bad(name, 'no NumPy magic');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6];
  if (major < 1 || major > 3) throw bad(name, `unknown version ${major}`);
  const headerFrom = major === 1 ? 10 : 12;
  const headerBytes = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (headerBytes > HEADER_BYTES_MAX || headerFrom + headerBytes > bytes.length)
    throw bad(name, 'truncated or malformed header');
  const { dtype, fortran, shape } = parseHeader(
    latin1(bytes.subarray(headerFrom, headerFrom + headerBytes)),
    name,
  );
  const type = Object.hasOwn(dtypes, dtype) ? dtypes[dtype] : undefined;
  if (type === undefined) throw bad(name, `number type ${dtype}`);
  const count = shape.reduce((a, b) => a * b, 1);
  const expected = count * type.BYTES_PER_ELEMENT;
  const body = bytes.subarray(headerFrom + headerBytes);
  if (body.length !== expected) throw bad(name, `${body.length} bytes of data, expected ${expected}`);
  // A copy of its own: the member may lie unaligned, and a Buffer's slice() would be a view of its whole pool.
  const data = new type(new Uint8Array(body).buffer);
  return { shape, data: fortran && shape.length > 1 ? fromFortran(data, shape, name) : data };
}

/** The bytes of a .npz: stored members in the given order, fixed dates. */
export function encodeNpz(arrays: Record<string, NpyArray>): Uint8Array {
  return zipStored(new Map(Object.entries(arrays).map(([name, array]) => [`${name}.npy`, encodeNpy(array)])));
}

/**
 * Reads all arrays of a .npz (stored or deflated), by name without `.npy`.
 * @param maxUnpackedBytes refuse what would unpack to more
 * @throws {PhysicsError} bad-npz
 */
export function decodeNpz(bytes: Uint8Array, maxUnpackedBytes?: number): Map<string, NpyArray> {
  const arrays = new Map<string, NpyArray>();
  for (const [file, content] of unzip(bytes, maxUnpackedBytes)) {
    const name = file.replace(/\.npy$/, '');
    arrays.set(name, decodeNpy(content, name));
  }
  return arrays;
}

function parseHeader(text: string, name: string): { dtype: string; fortran: boolean; shape: number[] } {
  const dtype = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const places = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (dtype === undefined || order === undefined || places === undefined) throw bad(name, 'malformed header');
  const shape = places
    .split(',')
    .map((s) => s.trim())
    .filter((s) => s !== '')
    .map(Number);
  if (shape.some((s) => !Number.isSafeInteger(s))) throw bad(name, 'malformed shape');
  return { dtype, fortran: order === 'True', shape };
}

function fromFortran(data: NpyData, shape: number[], name: string): NpyData {
  if (shape.length !== 2) throw bad(name, 'Fortran order with more than two axes');
  const [rows, columns] = shape;
  const out = data.slice();
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[i * columns + j] = data[j * rows + i];
  return out;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function bad(name: string, message: string): PhysicsError {
  return new PhysicsError('bad-npz', `cannot read ${name}: ${message}`, {
    pointer: `/${name}`,
    allowed: `a complete .npy of type ${Object.keys(dtypes).join(', ')}`,
  });
}
