// What counts as changed between two calibrations, and in which order.
import { describe, expect, it } from 'vitest';
import { diffCalibrations } from './diff.ts';

const of = (values: object, stderr: object) => ({ values, stderr }) as Parameters<typeof diffCalibrations>[0];

describe('a diff of calibrations', () => {
  it('ranks elements by change over the combined standard error, at any depth', () => {
    const a = of({ kT: 1, unit: { r: [1, 1, null] } }, { kT: 0.03, unit: { r: [0.3, 0.003, null] } });
    const b = of({ kT: 1.1, unit: { r: [1.5, 0.95, 1] } }, { kT: 0.04, unit: { r: [0.4, 0.004, 0.1] } });
    const { changes, chiSquare, notCompared } = diffCalibrations(a, b);
    expect(changes.map(({ element }) => element)).toEqual(['/unit/r/1', '/kT', '/unit/r/0']);
    expect(changes[0]).toMatchObject({ a: 1, b: 0.95 });
    expect(changes[0].z).toBeCloseTo(-10, 9);
    expect(changes[1].stderr).toBeCloseTo(0.05, 12);
    expect(changes[2].z).toBeCloseTo(1, 9);
    expect(chiSquare).toBeCloseTo(100 + 4 + 1, 9);
    expect(notCompared).toBe(1);
  });

  it('compares nothing without error bars, and counts what it left out', () => {
    const a = of({ nominal: 1, list: [1, 2], text: 'x' }, { list: [0, 0] });
    expect(diffCalibrations(a, a)).toEqual({ changes: [], chiSquare: 0, notCompared: 3 });
    expect(diffCalibrations({ values: null, stderr: null }, a)).toMatchObject({
      changes: [],
      notCompared: 3,
    });
  });

  it('names keys that a pointer must escape', () => {
    const a = of({ 'a/b~c': 1 }, { 'a/b~c': 1 });
    expect(diffCalibrations(a, a).changes[0].element).toBe('/a~1b~0c');
  });
});
