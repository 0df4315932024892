// What every bench reports, and how a target decides.
import { summarise } from '../src/physics/index.ts';

/** A band; a missing side is open. */
export interface Band {
  min?: number;
  max?: number;
}

export interface Figure {
  /** Stable name; issues and the README quote it. */
  name: string;
  value: number;
  unit: string;
  /** Standard error of `value`; null where the value is exact or a single count. */
  spread: number | null;
  /** Number of independent values behind `value`. */
  n: number;
  /** Our band. Decides `holds`; null where nothing is promised. */
  target: Band | null;
  /** A published or outside value to compare with; never decides. */
  reference: number | null;
  holds: boolean;
  /** What the reader must know of how it was taken, such as a smaller amount than its definition asks for. */
  note?: string;
}

/** Builds a figure; `holds` follows from the target alone. A value that is not a number never holds. */
export function figure(
  name: string,
  value: number,
  unit: string,
  more: { spread?: number; n?: number; target?: Band; reference?: number; note?: string } = {},
): Figure {
  const target = more.target ?? null;
  const inside = target === null || (value >= (target.min ?? -Infinity) && value <= (target.max ?? Infinity));
  return {
    name,
    value,
    unit,
    spread: more.spread ?? null,
    n: more.n ?? 1,
    target,
    reference: more.reference ?? null,
    holds: inside && !Number.isNaN(value),
    ...(more.note !== undefined && { note: more.note }),
  };
}

/** Lower median of a non-empty list. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}

/** Standard error of the mean of independent values; 0 for fewer than two. */
export const standardErrorOf = (values: readonly number[]): number => summarise(values).stderr;
