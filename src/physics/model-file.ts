// Models as files: .npz with members J, b, j2, j4, kT (and metadata as JSON text in bytes), or JSON of the same content.
import { PhysicsError } from './errors.ts';
import { validateModel, type Model } from './model.ts';
import { decodeNpz, encodeNpz, type NpyArray } from './npy.ts';

/** What is known about a model beside its numbers: normalisation, field amplitude, t_f, digests (decisions.md 43). */
export type ModelMetadata = Record<string, unknown>;

export interface ModelFile {
  model: Model;
  metadata: ModelMetadata;
}

/** J (N x N), b, j2, j4 (N), kT (scalar), all float64 in E0; `metadata` as UTF-8 JSON in uint8. Same model, same bytes. */
export function encodeModelNpz({ model, metadata }: ModelFile): Uint8Array {
  const n = model.units;
  return encodeNpz({
    J: { shape: [n, n], data: model.couplings },
    b: { shape: [n], data: model.biases },
    j2: { shape: [n], data: model.j2 },
    j4: { shape: [n], data: model.j4 },
    kT: { shape: [], data: Float64Array.of(model.noiseTemperature_E0) },
    metadata: bytesMember(metadata),
  });
}

/**
 * Reads a model from .npz. J is required; b defaults to 0, j2 and j4 to 1 E0, kT to 0.1 E0; j2 and j4 may be scalars.
 * @throws {PhysicsError} bad-npz, and all of validateModel's
 */
export function decodeModelNpz(bytes: Uint8Array, maxUnpackedBytes?: number): ModelFile {
  const arrays = decodeNpz(bytes, maxUnpackedBytes);
  return { model: modelFromArrays(arrays, 'bad-npz'), metadata: metadataFrom(arrays.get('metadata')) };
}

/**
 * The model of the arrays J, b, j2, j4, kT of a file; defaults as in decodeModelNpz.
 * @param code of the error when there is no J
 * @throws {PhysicsError} `code`, and all of validateModel's
 */
export function modelFromArrays(
  arrays: ReadonlyMap<string, NpyArray>,
  code: 'bad-npz' | 'bad-safetensors',
): Model {
  const couplings = arrays.get('J');
  if (couplings === undefined)
    throw new PhysicsError(code, `no member J, only ${[...arrays.keys()].join(', ') || 'nothing'}`, {
      pointer: '/J',
      allowed: 'members J (N x N), b, j2, j4 (N), kT (scalar), metadata',
    });
  const [units, columns] = couplings.shape;
  if (couplings.shape.length !== 2 || units !== columns)
    throw new PhysicsError('wrong-shape', `J has shape (${couplings.shape.join(', ')})`, {
      pointer: '/couplings',
      allowed: 'a square matrix N x N',
    });
  const all = (value: number): Float64Array => new Float64Array(units).fill(value);
  const model: Model = {
    units,
    couplings: toFloat64(couplings),
    biases: vector(arrays.get('b'), all(0)),
    j2: vector(arrays.get('j2'), all(1)),
    j4: vector(arrays.get('j4'), all(1)),
    noiseTemperature_E0: scalarFrom(arrays.get('kT'), 0.1),
  };
  validateModel(model);
  return model;
}

/** The JSON form: rows of J, the other members as in .npz; numbers print so that they read back exactly. */
export function encodeModelJson({ model, metadata }: ModelFile): string {
  const { units, couplings } = model;
  return JSON.stringify({
    units,
    couplings: Array.from({ length: units }, (_, i) => [...couplings.subarray(i * units, (i + 1) * units)]),
    biases: [...model.biases],
    j2: [...model.j2],
    j4: [...model.j4],
    noiseTemperature_E0: model.noiseTemperature_E0,
    metadata,
  });
}

function bytesMember(metadata: ModelMetadata): NpyArray {
  const data = new TextEncoder().encode(JSON.stringify(metadata));
  return { shape: [data.length], data };
}

/** Metadata from its member: JSON text as UTF-8 bytes. @throws {PhysicsError} bad-npz */
export function metadataFrom(member: NpyArray | undefined): ModelMetadata {
  if (member === undefined) return {};
  try {
    if (!(member.data instanceof Uint8Array)) throw new TypeError('not bytes');
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(member.data));
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new TypeError('not an object');
    return value as ModelMetadata;
  } catch (cause) {
    throw new PhysicsError('bad-npz', 'member metadata is not JSON text', {
      pointer: '/metadata',
      allowed: 'a JSON object as UTF-8 bytes in a uint8 array',
      cause,
    });
  }
}

/** The numbers of an array as float64. */
export function toFloat64(array: NpyArray): Float64Array {
  return array.data instanceof Float64Array ? array.data : Float64Array.from(array.data, Number);
}

function vector(member: NpyArray | undefined, standard: Float64Array): Float64Array {
  if (member === undefined) return standard;
  const values = toFloat64(member);
  return member.shape.length === 0 ? standard.fill(values[0]) : values;
}

/** The one number of an array, kT. @throws {PhysicsError} wrong-shape */
export function scalarFrom(member: NpyArray | undefined, standard: number): number {
  if (member === undefined) return standard;
  if (member.data.length === 1) return Number(member.data[0]);
  throw new PhysicsError('wrong-shape', `kT has ${member.data.length} numbers`, {
    pointer: '/noiseTemperature_E0',
    allowed: 'one number',
  });
}
