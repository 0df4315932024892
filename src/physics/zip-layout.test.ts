import { describe, expect, it } from 'vitest';
import { crc32 } from 'node:zlib';
import { unzip, zipStored } from './zip.ts';
import { zipLayout } from './zip-layout.ts';

describe('the frame of a zip', () => {
  it.each([[[]], [['a.npy']], [['x.npy', 'time_s.npy', 'heat_kT.npy']]])(
    'around %j gives the bytes of an archive written at once',
    (names: string[]) => {
      const contents = names.map((_name, k) => Uint8Array.from({ length: 100 * k + 1 }, (_, i) => i + k));
      const members = names.map((name, k) => ({
        name,
        bytes: contents[k].length,
        crc32: crc32(contents[k]),
      }));
      const { heads, directory } = zipLayout(members);
      const pieces = [...heads.flatMap((head, k) => [head, contents[k]]), directory];
      const whole = Buffer.concat(pieces);
      const expected = zipStored(new Map(names.map((name, k) => [name, contents[k]])));
      expect(whole.equals(expected)).toBe(true);
      expect([...unzip(whole).keys()]).toEqual(names);
    },
  );
});
