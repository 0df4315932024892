// Models from arrays and samples to arrays: what a program has in memory, as the service takes and gives it.
import { decodeNpz, decodeNpy, encodeModelNpz, emptyModel, type NpyArray } from '../physics/index.ts';
import { ClientError } from './errors.ts';

/** Parameters of V = sum(j2 x^2 + j4 x^4) + sum(b x) + sum(J_ij x_i x_j), in E0. */
export interface ModelArrays {
  /** N x N, symmetric, zero diagonal: row by row in one array, or as rows. */
  couplings: ArrayLike<number> | readonly ArrayLike<number>[];
  /** Default 0. */
  biases?: ArrayLike<number>;
  /** One number for all units, or one each. Default 1. */
  j2?: number | ArrayLike<number>;
  j4?: number | ArrayLike<number>;
  /** Default 0.1. */
  noiseTemperature_E0?: number;
  /** Kept with the model; `name` is its name. */
  metadata?: Record<string, unknown>;
}

/** The samples of a job. */
export interface Samples {
  /** Samples, reads, units. */
  shape: [samples: number, reads: number, units: number];
  /** The states, in the order of `shape`. */
  x: Float32Array;
}

/** Samples with what .npz holds beside them. */
export interface SampleSet extends Samples {
  /** Of the reads, in device seconds; 0 is the switch-on of the couplings. */
  time_s: Float64Array;
  /** Per sample; null when it was not recorded. */
  heat_kT: Float64Array | null;
}

/** The .npz that POST /v1/models takes. @throws {RangeError} arrays that do not fit each other */
export function modelNpz(arrays: ModelArrays): Uint8Array {
  const couplings = flat(arrays.couplings);
  const units = Math.sqrt(couplings.length);
  if (!Number.isInteger(units) || units === 0)
    throw new RangeError(`couplings has ${couplings.length} numbers, which is no square N x N`);
  const model = emptyModel(units);
  model.couplings.set(couplings);
  const each = (name: 'biases' | 'j2' | 'j4', value: number | ArrayLike<number> | undefined): void => {
    if (value === undefined) return;
    if (typeof value === 'number') return void model[name].fill(value);
    if (value.length !== units)
      throw new RangeError(`${name} has ${value.length} numbers for ${units} units`);
    model[name].set(value);
  };
  each('biases', arrays.biases);
  each('j2', arrays.j2);
  each('j4', arrays.j4);
  if (arrays.noiseTemperature_E0 !== undefined) model.noiseTemperature_E0 = arrays.noiseTemperature_E0;
  return encodeModelNpz({ model, metadata: arrays.metadata ?? {} });
}

function flat(couplings: ModelArrays['couplings']): ArrayLike<number> {
  if (couplings.length === 0 || typeof couplings[0] === 'number') return couplings as ArrayLike<number>;
  const rows = couplings as readonly ArrayLike<number>[];
  const units = rows.length;
  const all = new Float64Array(units * units);
  rows.forEach((row, i) => {
    if (row.length !== units)
      throw new RangeError(`row ${i} of couplings has ${row.length} numbers, not ${units}`);
    all.set(row, i * units);
  });
  return all;
}

/** @throws {ClientError} damaged-download */
export function samplesOf(npy: Uint8Array): Samples {
  return statesOf(readable(() => decodeNpy(npy, 'samples')));
}

/** @throws {ClientError} damaged-download */
export function sampleSetOf(npz: Uint8Array): SampleSet {
  const members = readable(() => decodeNpz(npz));
  const [x, time, heat] = ['x', 'time_s', 'heat_kT'].map((name) => members.get(name));
  if (x === undefined || time === undefined) throw damaged('x or time_s is missing');
  return {
    ...statesOf(x),
    time_s: Float64Array.from(time.data as Float64Array),
    heat_kT: heat === undefined ? null : Float64Array.from(heat.data as Float64Array),
  };
}

function statesOf({ shape, data }: NpyArray): Samples {
  if (shape.length !== 3 || !(data instanceof Float32Array)) throw damaged('not float32 in three dimensions');
  return { shape: shape as Samples['shape'], x: data };
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw damaged((error as Error).message, error);
  }
}

/** A download that is not what it should be. */
export function damaged(what: string, cause?: unknown): ClientError {
  const remedy =
    'Download it again; if it happens twice, something between here and the service changes answers.';
  return new ClientError(
    { code: 'damaged-download', remedy, retryable: true },
    `the download is damaged: ${what}`,
    cause,
  );
}
