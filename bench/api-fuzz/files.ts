// Bodies that are no JSON: golden model files, whole or with a few bytes changed, so that their readers get past the magic.
import { readFileSync } from 'node:fs';
import type { Dice } from './dice.ts';

const folder = new URL('../../test/vectors/models/', import.meta.url);
const read = (name: string): Buffer => readFileSync(new URL(name, folder));
const files: Readonly<Record<string, readonly Buffer[]>> = {
  'application/x-safetensors': [read('pair.safetensors')],
  'application/x-bqm+json': [read('binary.bqm.json'), read('spins.bqm.json')],
  'application/x-linear-system+npz': [read('system.npz')],
  // The members have other names than a model's, which its reader has to notice.
  'application/x-npz': [read('system.npz')],
};

/** A body of this content type; null where no file of it is known. */
export function fileBody(type: string, isDamaged: boolean, dice: Dice): Buffer | null {
  if (!Object.hasOwn(files, type)) return null;
  const bytes = Buffer.from(dice.pick(files[type]));
  if (!isDamaged) return bytes;
  for (let k = 1 + dice.below(4); k > 0; k--)
    bytes[dice.below(bytes.length)] = dice.pick([0, 1, 0x7f, 0x80, 0xff, dice.below(256)]);
  return dice.chance(0.2) ? bytes.subarray(0, dice.below(bytes.length)) : bytes;
}
