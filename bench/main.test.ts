// The contract of `npm run bench`: what it prints and how it exits, held with the smallest real figures.
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { figure, median, standardErrorOf } from './figure.ts';

const bench = (...words: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, ['bench/main.ts', ...words], { encoding: 'utf8' });

describe('figure', () => {
  it('holds inside its band, edges included, and not outside', () => {
    const holds = (value: number): boolean => figure('x', value, 's', { target: { min: 1, max: 2 } }).holds;
    expect([0.99, 1, 2, 2.01].map(holds)).toEqual([false, true, true, false]);
  });

  it('never holds when it is not a number, and a reference never decides', () => {
    expect(figure('x', NaN, 's').holds).toBe(false);
    expect(figure('x', 5, 's', { reference: 1 }).holds).toBe(true);
  });

  it('takes the lower median and the standard error of a mean', () => {
    expect(median([3, 1, 2, 10])).toBe(2);
    expect(standardErrorOf([1, 3])).toBeCloseTo(1, 12);
    expect(standardErrorOf([1])).toBe(0);
  });
});

describe('npm run bench', () => {
  it('names every bench and exits 2 when used wrongly', () => {
    const none = bench();
    expect(none.status).toBe(2);
    expect(none.stderr).toContain('digits');
    expect(bench('no-such-bench').status).toBe(2);
  });

  it('prints one JSON document and exits by what holds', () => {
    const { status, stdout } = bench('codec', '--json', '--quick');
    const report = JSON.parse(stdout) as { name: string; figures: { name: string; holds: boolean }[] };
    expect(report.name).toBe('codec');
    expect(report.figures.map((f) => f.name)).toEqual(['codec_MBps', 'crc32c_MBps']);
    expect(status).toBe(report.figures.every((f) => f.holds) ? 0 : 1);
  });
});
