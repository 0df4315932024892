// Draws samples as a contact sheet: small grey pictures in rows, the training digits first.
import { PNG } from 'pngjs';

export interface Picture {
  /** Row-major values; `low` is drawn black and `high` white. */
  pixels: ArrayLike<number>;
  low: number;
  high: number;
}

/** PNG bytes of pictures of width x height pixels, `columns` in a row, each pixel drawn as a square of `scale`. */
export function contactSheet(
  pictures: readonly Picture[],
  shape: { width: number; height: number; columns: number; scale: number },
): Uint8Array {
  const { width, height, columns, scale } = shape;
  const gap = 2;
  const cell = { x: width * scale + gap, y: height * scale + gap };
  const rows = Math.ceil(pictures.length / columns);
  const png = new PNG({ width: columns * cell.x + gap, height: rows * cell.y + gap, colorType: 0 });
  for (let i = 0; i < png.data.length; i += 4) png.data.set([64, 64, 64, 255], i);
  pictures.forEach(({ pixels, low, high }, index) => {
    const left = gap + (index % columns) * cell.x;
    const top = gap + Math.floor(index / columns) * cell.y;
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < width * scale; x++) {
        const value = pixels[Math.floor(y / scale) * width + Math.floor(x / scale)];
        const grey = Math.round(255 * Math.min(1, Math.max(0, (value - low) / (high - low))));
        png.data.set([grey, grey, grey, 255], ((top + y) * png.width + left + x) * 4);
      }
    }
  });
  return PNG.sync.write(png, { colorType: 0 });
}

/** One picture as text, two rows per line; for a terminal. */
export function asText(
  pixels: ArrayLike<number>,
  shape: { width: number; height: number },
  level: { low: number; high: number },
): string[] {
  const shades = ' .:-=+*#%@';
  const lines: string[] = [];
  for (let y = 0; y + 1 < shape.height; y += 2) {
    let line = '';
    for (let x = 0; x < shape.width; x++) {
      const value = (pixels[y * shape.width + x] + pixels[(y + 1) * shape.width + x]) / 2;
      const share = Math.min(1, Math.max(0, (value - level.low) / (level.high - level.low)));
      line += shades[Math.min(shades.length - 1, Math.floor(share * shades.length))];
    }
    lines.push(line);
  }
  return lines;
}
