// The golden patches of test/vectors/patches.json as bytes.
import { readFileSync } from 'node:fs';

interface Written {
  name: string;
  base: string;
  stream: string;
}
interface Vectors {
  accepts: (Written & { canonical: boolean; image: string })[];
  rejects: (Written & { reason: string })[];
}

const file = new URL('../vectors/patches.json', import.meta.url);
const written = JSON.parse(readFileSync(file, 'utf8')) as Vectors;

/** `HEX`, `HEX*COUNT` repeats, `+` joins. */
function bytesOf(text: string): Uint8Array {
  const parts = text.split('+').map((part) => {
    const [digits, count = '1'] = part.split('*');
    return digits.repeat(Number(count));
  });
  return Uint8Array.from(Buffer.from(parts.join(''), 'hex'));
}

export const patchVectors = {
  accepts: written.accepts.map(({ name, canonical, base, stream, image }) => ({
    name,
    canonical,
    base: bytesOf(base),
    stream: bytesOf(stream),
    image: bytesOf(image),
  })),
  rejects: written.rejects.map(({ name, reason, base, stream }) => ({
    name,
    reason,
    base: bytesOf(base),
    stream: bytesOf(stream),
  })),
};
