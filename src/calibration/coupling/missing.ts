// Couplings that do not act, found in two steps: a scan of all of them names suspects, and each suspect has to answer alone,
// strongly programmed, before it is called missing.
import type { QuantisedProgram } from '../../physics/index.ts';
import { driveForces, pairProgram, patternsFor, type DriveForces } from './drive.ts';
import type { Drives } from './drive-run.ts';
import { patternMeans, type PatternMeans } from './pattern-means.ts';
import type { Pair } from './pair-ratios.ts';
import { balanceVariance, invertSmall, type RowFit } from './row-fit.ts';
import type { CouplingOptions } from './settings.ts';

export type PairList = [number, number][];

/** Below this share of the common gain a coupling is missing: no stuck bit brings a test coupling below 1/3. */
const MISSING_RATIO = 1 / 6;
/** Suspects are below this share, or closer to 0 than so many standard errors, whichever is more, up to a limit. */
const SUSPECT_RATIO = 0.5;
const SUSPECT_Z = 5.5;
const SUSPECT_LIMIT_RATIO = 0.75;
/** Suspects of one unit that are asked in the same program, and programs. */
const TOGETHER_MAX = 8;
const ROUNDS_MAX = 12;
/** Rms force of all suspects of a unit on it, E0. */
const SUSPECT_FORCE_E0 = 4;

/** How suspects are asked: patterns, and states of each. */
export interface Asking {
  patterns: number;
  samples: number;
}
/** Few drawn patterns, so that a ratio is known to a few per cent where nothing else pushes. */
export const QUICK_ASKING: Asking = { patterns: 43, samples: 24 };

/** Patterns that are nearly orthogonal for all units: what else pushes, such as a stuck bit of another coupling, averages out. */
export const thoroughAsking = (units: number): Asking => ({ patterns: patternsFor(units), samples: 8 });

/** A suspect that is not clearly on one side of the limit stays open. */
const CLEAR_Z = 3;

/** Pairs of a scan that may be missing. */
export function suspectsOf(pairs: readonly Pair[], common: number): PairList {
  return pairs
    .filter(({ ratio, stderr }) => {
      const limit = Math.min(
        Math.max(SUSPECT_RATIO * common, SUSPECT_Z * stderr),
        SUSPECT_LIMIT_RATIO * common,
      );
      return Math.abs(ratio) < limit;
    })
    .map(({ i, j }): [number, number] => [i, j]);
}

/** Suspects in rounds in which no unit has more than TOGETHER_MAX of them; what does not fit the rounds is left over. */
export function roundsOf(suspects: PairList): { rounds: PairList[]; left: PairList } {
  const rounds: { pairs: PairList; degree: Map<number, number> }[] = [];
  const left: PairList = [];
  for (const [i, j] of suspects) {
    const fits = (degree: Map<number, number>): boolean =>
      Math.max(degree.get(i) ?? 0, degree.get(j) ?? 0) < TOGETHER_MAX;
    let round = rounds.find(({ degree }) => fits(degree));
    if (round === undefined && rounds.length < ROUNDS_MAX)
      rounds.push((round = { pairs: [], degree: new Map() }));
    if (round === undefined) {
      left.push([i, j]);
      continue;
    }
    round.pairs.push([i, j]);
    for (const unit of [i, j]) round.degree.set(unit, (round.degree.get(unit) ?? 0) + 1);
  }
  return { rounds: rounds.map(({ pairs }) => pairs), left };
}

export interface Confirmation {
  missing: PairList;
  /** Could not be told, or not asked. */
  open: PairList;
}

interface Direction {
  /** Over what was programmed. */
  ratio: number;
  stderr: number;
}

/**
 * What both directions of a suspect say together. They have one code, so a coupling is missing in both or in none: where one
 * direction is gone and the other is not, something else pushes in time with the partner (a stuck bit of a coupling that
 * was not programmed, say), and the pair is asked again under other patterns.
 */
export function answerOf(up: Direction, down: Direction): keyof Confirmation | 'there' {
  const isGone = Math.abs(up.ratio) < MISSING_RATIO;
  if (isGone !== Math.abs(down.ratio) < MISSING_RATIO) return 'open';
  const ratio = (up.ratio + down.ratio) / 2;
  const stderr = Math.hypot(up.stderr, down.stderr) / 2;
  if (Math.abs(Math.abs(ratio) - MISSING_RATIO) < CLEAR_Z * stderr) return 'open';
  return isGone ? 'missing' : 'there';
}

/** Asks the suspects of one round. */
export async function confirm(
  drives: Drives,
  base: QuantisedProgram,
  suspects: PairList,
  chip: { live: readonly number[]; rows: RowFit; common: number },
  options: CouplingOptions,
  { patterns, samples }: Asking,
  seed: number,
): Promise<Confirmation> {
  const degree = new Map<number, number>();
  for (const unit of suspects.flat()) degree.set(unit, (degree.get(unit) ?? 0) + 1);
  const coupling_E0 = Math.min(2, SUSPECT_FORCE_E0 / Math.sqrt(Math.max(...degree.values())));
  const program = pairProgram(base, suspects, coupling_E0, seed);
  const { units } = options;
  const forces: DriveForces = driveForces(units, patterns, seed + 1);
  const data = await drives.run(program, forces, { ...options, samples });
  const means = patternMeans(data, chip.live);
  const place = new Map(chip.live.map((unit, k) => [unit, k]));
  const partners = new Map<number, number[]>();
  for (const [i, j] of suspects) {
    partners.set(i, [...(partners.get(i) ?? []), j]);
    partners.set(j, [...(partners.get(j) ?? []), i]);
  }
  const found = new Map<string, Direction>();
  for (const [unit, others] of partners) {
    const fit = fitFew(
      means,
      chip.rows,
      place.get(unit) ?? 0,
      others.map((other) => place.get(other) ?? 0),
    );
    others.forEach((other, k) => {
      const programmed = data.couplings_E0[unit * units + other] * chip.common;
      if (fit === null) return;
      const entry = { ratio: fit.value[k] / programmed, stderr: Math.abs(fit.stderr[k] / programmed) };
      found.set(`${unit}-${other}`, entry);
    });
  }
  const out: Confirmation = { missing: [], open: [] };
  for (const [i, j] of suspects) {
    const [up, down] = [found.get(`${i}-${j}`), found.get(`${j}-${i}`)];
    if (up === undefined || down === undefined) {
      out.open.push([i, j]);
      continue;
    }
    const answer = answerOf(up, down);
    if (answer !== 'there') out[answer].push([i, j]);
  }
  return out;
}

/** Couplings of one unit to a few others, by the balance of forces; null when the patterns do not tell them apart. */
function fitFew(
  means: PatternMeans,
  rows: RowFit,
  unit: number,
  others: readonly number[],
): { value: number[]; stderr: number[] } | null {
  const n = means.live.length;
  const columns = [...others, unit];
  const m = columns.length + 1;
  const A = new Float64Array(m * m);
  const G = new Float64Array(m * m);
  const b = new Float64Array(m);
  for (let p = 0; p < means.patterns; p++) {
    const at = p * n + unit;
    const push =
      means.force_E0[at] - 2 * rows.j2_E0[unit] * means.x[at] - 4 * rows.j4_E0[unit] * means.cube[at];
    const instrument = [...columns.map((c) => means.sign[p * n + c]), 1];
    const regressor = [...columns.map((c) => means.x[p * n + c]), 1];
    for (let r = 0; r < m; r++) {
      b[r] += instrument[r] * push;
      for (let c = 0; c < m; c++) {
        A[r * m + c] += instrument[r] * regressor[c];
        G[r * m + c] += instrument[r] * instrument[c];
      }
    }
  }
  const inverted = invertSmall(A, m);
  if (inverted === null) return null;
  const potential = { j2: rows.j2_E0[unit], j4: rows.j4_E0[unit], gain: 0 };
  const balance = balanceVariance(means, new Float64Array(n * n), unit, potential) / means.samples;
  const value = others.map((_, r) => b.reduce((sum, v, c) => sum + inverted[r * m + c] * v, 0));
  const stderr = others.map((_, r) => {
    let sum = 0;
    for (let x = 0; x < m; x++)
      for (let y = 0; y < m; y++) sum += inverted[r * m + x] * G[x * m + y] * inverted[r * m + y];
    return Math.sqrt(sum * balance);
  });
  return { value, stderr };
}
