import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { buildGaussianTable, GAUSSIAN_MAX, GAUSSIAN_RMS, GAUSSIAN_SHA256 } from './gaussian.ts';

describe('the Gaussian table', () => {
  const table = buildGaussianTable();
  const moment = (power: number): number =>
    table.reduce((sum, code) => sum + (code / GAUSSIAN_RMS) ** power, 0) / table.length;

  it('has the bytes that the committed digest names', () => {
    const bytes = new Uint8Array(table.buffer);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(GAUSSIAN_SHA256);
  });

  it('has mean 0, variance 1 to 1e-5 and almost no excess kurtosis', () => {
    expect(table.reduce((sum, code) => sum + code, 0)).toBe(0);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(1e-5);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(1e-3);
  });

  it('is odd about its middle, ascending, and within the bound of the headroom proof', () => {
    expect(table.every((code, k) => code + table[65535 - k] === 0)).toBe(true);
    expect(table.every((code, k) => k === 0 || code >= table[k - 1])).toBe(true);
    expect(table[65535]).toBeLessThanOrEqual(GAUSSIAN_MAX);
  });

  it('holds the known quantiles of a normal', () => {
    // Middle of the cell that ends at p: z(0.75) = 0.674490, z(0.975) = 1.959964, z(0.999) = 3.090232.
    for (const [p, z] of [
      [0.75, 0.67449],
      [0.975, 1.959964],
      [0.999, 3.090232],
    ]) {
      expect(Math.abs(table[Math.round(p * 65536)] / GAUSSIAN_RMS - z)).toBeLessThan(3e-3);
    }
  });
});
