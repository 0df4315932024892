import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeSet } from './range-set.ts';

const SPACE = 40;
const operation = fc.record({
  add: fc.boolean(),
  from: fc.integer({ min: 0, max: SPACE }),
  length: fc.integer({ min: 0, max: 12 }),
});

/** The same set, as plain booleans. */
function model(operations: { add: boolean; from: number; length: number }[]): boolean[] {
  const cells = new Array<boolean>(SPACE + 13).fill(false);
  for (const { add, from, length } of operations) cells.fill(add, from, from + length);
  return cells;
}

function build(operations: { add: boolean; from: number; length: number }[]): RangeSet {
  const set = new RangeSet();
  for (const { add, from, length } of operations) {
    if (add) set.add(from, from + length);
    else set.remove(from, from + length);
  }
  return set;
}

describe('RangeSet', () => {
  it('holds the same offsets as an array of booleans, sorted, disjoint and not touching', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const set = build(operations);
        const cells = new Array<boolean>(SPACE + 13).fill(false);
        let last = -1;
        for (const { from, to } of set.ranges) {
          expect(from).toBeGreaterThan(last);
          expect(to).toBeGreaterThan(from);
          cells.fill(true, from, to);
          last = to;
        }
        expect(cells).toEqual(model(operations));
        expect(set.size).toBe(cells.filter(Boolean).length);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('answers questions about any window like the array of booleans', () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 20 }),
        fc.integer({ min: 0, max: SPACE }),
        fc.integer({ min: 0, max: 12 }),
        (operations, from, length) => {
          const set = build(operations);
          const cells = model(operations);
          const to = from + length;
          const window = cells.slice(from, to);
          expect(set.includes(from, to)).toBe(window.every(Boolean));
          expect(set.intersects(from, to)).toBe(window.some(Boolean));
          const missing = cells.map((has, i) => !has && i >= from && i < to);
          const reported = new Array<boolean>(cells.length).fill(false);
          for (const gap of set.missingIn(from, to)) reported.fill(true, gap.from, gap.to);
          expect(reported).toEqual(missing);
          const hole = cells.indexOf(false, from);
          expect(set.contiguousFrom(from)).toBe(hole);
        },
      ),
      { seed: 2, numRuns: 500 },
    );
  });

  it('says how many of the added bytes were new, and stops at a limit of gaps', () => {
    const set = new RangeSet();
    expect(set.add(10, 20)).toBe(10);
    expect(set.add(5, 15)).toBe(5);
    expect(set.add(0, 30)).toBe(15);
    set.remove(3, 4);
    set.remove(6, 7);
    expect(set.missingIn(0, 40, 2)).toEqual([
      { from: 3, to: 4 },
      { from: 6, to: 7 },
    ]);
    expect([set.first, set.end, set.count]).toEqual([{ from: 0, to: 3 }, 30, 3]);
  });
});
