// What changed between two calibrations of a kind: every number that both know with an error bar, ranked by its change in
// units of the combined standard error. Pure.
import type { JsonObject } from './procedure.ts';

export interface CalibrationChange {
  /** JSON Pointer into the values. */
  element: string;
  a: number;
  b: number;
  /** b - a. */
  change: number;
  /** sqrt(sa^2 + sb^2). */
  stderr: number;
  /** change / stderr. */
  z: number;
}

export interface CalibrationDiff {
  /** By |z|, the largest first; equal ones in the order of the values. */
  changes: CalibrationChange[];
  /** Sum of z^2; with independent elements and no change about as large as their number. */
  chiSquare: number;
  /** Numbers that only one has, or that have no error bar in one. */
  notCompared: number;
}

interface Measured {
  values: JsonObject | null;
  stderr: JsonObject | null;
}

export function diffCalibrations(a: Measured, b: Measured): CalibrationDiff {
  const changes: CalibrationChange[] = [];
  let notCompared = 0;
  const walk = (at: string, va: unknown, vb: unknown, sa: unknown, sb: unknown): void => {
    if (typeof va === 'number' || typeof vb === 'number') {
      const change = compare(at, va, vb, sa, sb);
      if (change === null) notCompared += 1;
      else changes.push(change);
      return;
    }
    const [inA, inB, errorsA, errorsB] = [va, vb, sa, sb].map(entriesOf);
    for (const key of new Set([...inA.keys(), ...inB.keys()]))
      walk(`${at}/${escaped(key)}`, inA.get(key), inB.get(key), errorsA.get(key), errorsB.get(key));
  };
  walk('', a.values, b.values, a.stderr, b.stderr);
  changes.sort((one, other) => Math.abs(other.z) - Math.abs(one.z));
  return { changes, chiSquare: changes.reduce((sum, { z }) => sum + z * z, 0), notCompared };
}

function compare(
  element: string,
  a: unknown,
  b: unknown,
  sa: unknown,
  sb: unknown,
): CalibrationChange | null {
  const numbers = [a, b, sa, sb].filter((value): value is number => typeof value === 'number');
  if (numbers.length < 4) return null;
  const stderr = Math.hypot(numbers[2], numbers[3]);
  if (!(stderr > 0)) return null;
  const change = numbers[1] - numbers[0];
  return { element, a: numbers[0], b: numbers[1], change, stderr, z: change / stderr };
}

function entriesOf(value: unknown): Map<string, unknown> {
  return new Map<string, unknown>(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

/** RFC 6901. */
const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');
