// The pictures a model is trained on: three digits of MNIST, or three small glyphs for tests.
import { createHash } from 'node:crypto';
import { PhysicsError } from '../physics/index.ts';
import digitsFile from './data/digits-mnist-012.json' with { type: 'json' };

export interface TrainingSet {
  name: 'digits' | 'glyphs';
  width: number;
  height: number;
  labels: string[];
  /** Normalised pixels s, row by row; also the prototypes that samples are compared with. The noising field is 2 s. */
  images: Float64Array[];
  /** How the pixels were normalised, in words. */
  normalisation: string;
  /** SHA-256 of the normalised pixels as little-endian float64, images in turn. */
  digest: string;
}

/** Mean and standard deviation of all pixels of MNIST's training set, scaled to 0..1. */
const MNIST_MEAN = 0.13066;
const MNIST_SD = 0.3081;

/** The first 0, 1 and 2 of the MNIST test set, (p/255 - 0.13066)/0.3081 (decisions.md 30). */
export function digits(): TrainingSet {
  const { width, height } = digitsFile;
  const images = digitsFile.images.map(({ rows }) => {
    const pixels = Buffer.from(rows.join(''), 'hex');
    if (pixels.length !== width * height)
      throw new PhysicsError('wrong-shape', `a digit has ${pixels.length} pixels`, {
        allowed: `${width} x ${height}`,
      });
    return Float64Array.from(pixels, (p) => (p / 255 - MNIST_MEAN) / MNIST_SD);
  });
  return {
    name: 'digits',
    width,
    height,
    labels: digitsFile.images.map((i) => String(i.label)),
    images,
    normalisation: `(p/255 - ${MNIST_MEAN})/${MNIST_SD}`,
    digest: digestOf(images),
  };
}

/** Plus, cross and stripes on 8 x 8 pixels, each of zero mean and unit variance: the small reference set. */
export function glyphs(): TrainingSet {
  const size = 8;
  const centre = (v: number): boolean => v === 3 || v === 4;
  const shapes: [string, (x: number, y: number) => boolean][] = [
    ['plus', (x, y) => centre(x) || centre(y)],
    ['cross', (x, y) => x === y || x === size - 1 - y],
    ['stripes', (_, y) => y % 2 === 0],
  ];
  const images = shapes.map(([, inside]) =>
    standardised(
      Float64Array.from({ length: size * size }, (_, k) => (inside(k % size, Math.floor(k / size)) ? 1 : 0)),
    ),
  );
  return {
    name: 'glyphs',
    width: size,
    height: size,
    labels: shapes.map(([label]) => label),
    images,
    normalisation: 'zero mean and unit variance per picture',
    digest: digestOf(images),
  };
}

function standardised(pixels: Float64Array): Float64Array {
  const mean = pixels.reduce((a, b) => a + b, 0) / pixels.length;
  const sd = Math.sqrt(pixels.reduce((a, b) => a + (b - mean) ** 2, 0) / pixels.length);
  return pixels.map((p) => (p - mean) / sd);
}

function digestOf(images: readonly Float64Array[]): string {
  const hash = createHash('sha256');
  for (const image of images) {
    const bytes = new DataView(new ArrayBuffer(8 * image.length));
    image.forEach((v, k) => bytes.setFloat64(8 * k, v, true));
    hash.update(new Uint8Array(bytes.buffer));
  }
  return hash.digest('hex');
}
