// How a row of the table of exact answers is judged (docs/physics.md, "Exact answers").
import { figure, type Figure } from '../figure.ts';

/** A measured mean with the standard error of its `n` independent values. */
export interface Estimate {
  mean: number;
  stderr: number;
  n: number;
}

/** An exact row must be measured this well, and may be off by no more. */
export const STDERR_MAX_RATIO = 0.0033;
export const DEVIATION_MAX_RATIO = 0.01;
/** A row against a table, or a chi-squared, may be off by this many (combined) standard errors. */
export const SIGMAS = 3;

/** A row with a known answer: the standard error must be <= 0.33 % of it, the deviation <= 1 %. */
export function exactRow(name: string, estimate: Estimate, exact: number, unit = '1'): Figure {
  const slack = DEVIATION_MAX_RATIO * Math.abs(exact);
  return judged(name, estimate, unit, exact, slack, STDERR_MAX_RATIO * Math.abs(exact));
}

/** A row whose answer is 0: the same two limits as an exact row, as shares of `scale`. */
export function zeroRow(name: string, estimate: Estimate, scale: number): Figure {
  const share = { mean: estimate.mean / scale, stderr: estimate.stderr / scale, n: estimate.n };
  return judged(name, share, '1', 0, DEVIATION_MAX_RATIO, STDERR_MAX_RATIO);
}

/** A row against a measured reference: within 3 standard errors of both together. */
export function tableRow(
  name: string,
  estimate: Estimate,
  reference: { value: number; stderr: number },
  unit = '1',
): Figure {
  const slack = SIGMAS * Math.hypot(estimate.stderr, reference.stderr);
  return judged(name, estimate, unit, reference.value, slack, Infinity);
}

/** The mean square of `count` independent standardised deviations: 1 within 3 of its own standard errors. */
export function chiSquaredRow(name: string, z: readonly number[]): Figure {
  const stderr = Math.sqrt(2 / z.length);
  const mean = z.reduce((sum, value) => sum + value * value, 0) / z.length;
  return judged(name, { mean, stderr, n: z.length }, '1', 1, SIGMAS * stderr, Infinity);
}

function judged(
  name: string,
  { mean, stderr, n }: Estimate,
  unit: string,
  answer: number,
  slack: number,
  stderrMax: number,
): Figure {
  const row = figure(name, mean, unit, {
    spread: stderr,
    n,
    target: { min: answer - slack, max: answer + slack },
    reference: answer,
  });
  return { ...row, holds: row.holds && stderr <= stderrMax };
}

/** Mean and standard error of independent values, one pass. */
export class Average {
  #n = 0;
  #mean = 0;
  #squares = 0;

  add(value: number): void {
    this.#n += 1;
    const step = value - this.#mean;
    this.#mean += step / this.#n;
    this.#squares += step * (value - this.#mean);
  }

  get estimate(): Estimate {
    const n = this.#n;
    return { mean: this.#mean, stderr: Math.sqrt(this.#squares / Math.max(1, n - 1) / n), n };
  }
}

/** A share of `n` independent yes-or-no answers. */
export function shareOf(successes: number, n: number): Estimate {
  const mean = successes / n;
  return { mean, stderr: shareStderr(mean, n), n };
}

/** Standard error of a share with one answer of each kind added (Laplace): none of 64 does not mean an error of 0. */
export function shareStderr(share: number, n: number): number {
  const p = (share * n + 1) / (n + 2);
  return Math.sqrt((p * (1 - p)) / n);
}
