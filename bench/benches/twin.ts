// Speed of the twin's kernel: whole steps of dense programs on one thread, in the same run against JavaScript and, where a
// compiler and the libraries are there, against native code; its threads, its memory, and what a mask saves.
import type { BenchContext } from '../bench.ts';
import type { Figure } from '../figure.ts';
import { maskFigures, memoryFigures, threadFigures } from '../twin/machine-use.ts';
import { nativeReferences } from '../twin/native.ts';
import { speedFigures } from '../twin/speed.ts';

export const summary =
  "the twin's kernel: unit-updates/s and GMAC/s, against JavaScript and native code; threads, memory, masks";

export async function run({ say }: BenchContext): Promise<Figure[]> {
  const references = await nativeReferences();
  if ('missing' in references) say(`no figures against native code and sgemm: ${references.missing}`);
  else if ('missing' in references.sgemm) say(`no figures against sgemm: ${references.sgemm.missing}`);
  try {
    const figures: Figure[] = [];
    for (const units of [64, 256, 784, 1296]) {
      say(`N = ${units} ...`);
      figures.push(...(await speedFigures(units, references)));
    }
    say('threads, memory, mask ...');
    figures.push(...(await threadFigures()), ...(await memoryFigures()), ...(await maskFigures()));
    return figures;
  } finally {
    if (!('missing' in references)) await references.close();
  }
}
