// The averages that training needs, C = <x x^T>, Y = <y x^T>, <x>, <y>, over the training paths of all images, without noise:
// off the diagonal they are outer products of mean paths, kept as a diagonal plus a low rank (docs/physics.md, "Training").
import {
  meanPath,
  STANDARD_PROTOCOL,
  STANDARD_RESOLUTION,
  type NoisingProtocol,
  type Resolution,
} from './fokker-planck.ts';

/** C = diag(diagonal) + F F^T and, off the diagonal, Y = E F^T, with F and E of shape N x rank, row by row. */
export interface Moments {
  units: number;
  rank: number;
  diagonal: Float64Array;
  /** F. */
  factor: Float64Array;
  /** E. */
  response: Float64Array;
  /** m = <x>. */
  mean: Float64Array;
  /** <y>. */
  meanResponse: Float64Array;
  /** The same F for centred moments: C - m m^T = diag + Fc Fc^T, Y - <y> m^T = E Fc^T. */
  centredFactor: Float64Array;
}

export interface MomentOptions {
  protocol?: NoisingProtocol;
  resolution?: Resolution;
  /** Relative size of the part of a mean path that the low rank may leave out. */
  tolerance?: number;
  onProgress?: (doneLevels: number, levels: number) => void;
}

/** Relative part of the mean paths that the low rank leaves out. */
export const RANK_TOLERANCE = 1e-9;

/**
 * Noise-free moments for N units whose fields are given per image: `fields[p][i]` = B of unit i under image p (E0).
 */
export function noiseFreeMoments(fields: readonly Float64Array[], options: MomentOptions = {}): Moments {
  const protocol = options.protocol ?? STANDARD_PROTOCOL;
  const resolution = options.resolution ?? STANDARD_RESOLUTION;
  const levels = [...new Set(fields.flatMap((f) => [...f]))].sort((a, b) => a - b);
  const indexOf = new Map(levels.map((b, k) => [b, k]));
  const paths = levels.map((b, k) => {
    const path = meanPath(b, protocol, resolution);
    options.onProgress?.(k + 1, levels.length);
    return path;
  });
  const weights = trapezoidWeights(resolution.steps + 1);
  const basis = timeBasis(
    paths.map((p) => p.mean),
    weights,
    options.tolerance ?? RANK_TOLERANCE,
  );
  const projected = (values: Float64Array): Float64Array =>
    Float64Array.from(basis, (q) => weightedDot(values, q, weights));
  const meanOf = paths.map((p) => projected(p.mean));
  const responseOf = paths.map((p) => projected(p.response));
  const squareOf = paths.map((p) => weightedDot(p.meanSquare, basis[0], weights));
  const level = (image: number, unit: number): number => indexOf.get(fields[image][unit]) ?? 0;
  return assemble(fields[0].length, fields.length, basis.length, level, meanOf, responseOf, squareOf);
}

// Columns of F are (image, basis function), scaled by 1/sqrt(images) so that F F^T averages over images. The first basis
// function is the constant 1, so that means, and centring, are a matter of that column alone.
function assemble(
  units: number,
  images: number,
  functions: number,
  level: (image: number, unit: number) => number,
  meanOf: readonly Float64Array[],
  responseOf: readonly Float64Array[],
  squareOf: readonly number[],
): Moments {
  const rank = images * functions;
  const scale = 1 / Math.sqrt(images);
  const moments: Moments = {
    units,
    rank,
    diagonal: new Float64Array(units),
    factor: new Float64Array(units * rank),
    response: new Float64Array(units * rank),
    mean: new Float64Array(units),
    meanResponse: new Float64Array(units),
    centredFactor: new Float64Array(units * rank),
  };
  for (let i = 0; i < units; i++) {
    for (let p = 0; p < images; p++) {
      const l = level(p, i);
      const at = i * rank + p * functions;
      for (let k = 0; k < functions; k++) {
        moments.factor[at + k] = scale * meanOf[l][k];
        moments.response[at + k] = scale * responseOf[l][k];
        moments.diagonal[i] -= moments.factor[at + k] ** 2;
      }
      moments.diagonal[i] += squareOf[l] / images;
      moments.mean[i] += meanOf[l][0] / images;
      moments.meanResponse[i] += responseOf[l][0] / images;
    }
    for (let k = 0; k < rank; k++) {
      const centre = k % functions === 0 ? scale * moments.mean[i] : 0;
      moments.centredFactor[i * rank + k] = moments.factor[i * rank + k] - centre;
    }
  }
  return moments;
}

/** Moments of explicit data: rows of x and y (each [points][units], row by row), as measured on a device. */
export function momentsOfData(x: Float64Array, y: Float64Array, units: number): Moments {
  const points = x.length / units;
  const scale = 1 / Math.sqrt(points);
  const mean = new Float64Array(units);
  const meanResponse = new Float64Array(units);
  for (let k = 0; k < points; k++)
    for (let i = 0; i < units; i++) {
      mean[i] += x[k * units + i] / points;
      meanResponse[i] += y[k * units + i] / points;
    }
  const columns = (value: (k: number, i: number) => number): Float64Array =>
    Float64Array.from(
      { length: units * points },
      (_, at) => scale * value(at % points, Math.floor(at / points)),
    );
  return {
    units,
    rank: points,
    diagonal: new Float64Array(units),
    factor: columns((k, i) => x[k * units + i]),
    response: columns((k, i) => y[k * units + i]),
    mean,
    meanResponse,
    centredFactor: columns((k, i) => x[k * units + i] - mean[i]),
  };
}

function trapezoidWeights(points: number): Float64Array {
  const weights = new Float64Array(points).fill(1 / (points - 1));
  weights[0] = weights[points - 1] = 0.5 / (points - 1);
  return weights;
}

function weightedDot(a: Float64Array, b: Float64Array, weights: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += weights[k] * a[k] * b[k];
  return sum;
}

// Orthonormal functions of time, the constant first, that span all mean paths up to the tolerance: Gram-Schmidt that always
// takes the path with the largest remainder next, and orthogonalises twice.
function timeBasis(paths: readonly Float64Array[], weights: Float64Array, tolerance: number): Float64Array[] {
  const basis = [new Float64Array(weights.length).fill(1)];
  const rests = paths.map((p) => p.slice());
  const reduce = (rest: Float64Array, q: Float64Array): void => {
    const share = weightedDot(rest, q, weights);
    for (let k = 0; k < rest.length; k++) rest[k] -= share * q[k];
  };
  const largest = Math.max(...paths.map((p) => Math.sqrt(weightedDot(p, p, weights))));
  for (;;) {
    for (const rest of rests) reduce(rest, basis[basis.length - 1]);
    const sizes = rests.map((r) => Math.sqrt(weightedDot(r, r, weights)));
    const size = Math.max(...sizes);
    if (size <= tolerance * largest) return basis;
    const next = rests[sizes.indexOf(size)].slice();
    for (const q of basis) reduce(next, q);
    const norm = Math.sqrt(weightedDot(next, next, weights));
    basis.push(next.map((v) => v / norm));
  }
}
