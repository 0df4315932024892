// What a key may spend in joules, by the UTC day. Pure.
import type { KeyLimits } from '../../store/index.ts';

const DAY_MS = 86_400_000;

/** Begin of the UTC day, and of the next one. */
export function utcDay_ms(now_ms: number): { begin_ms: number; end_ms: number } {
  const begin_ms = Math.floor(now_ms / DAY_MS) * DAY_MS;
  return { begin_ms, end_ms: begin_ms + DAY_MS };
}

export interface SpentBudget {
  /** For people, with the numbers. */
  detail: string;
  /** When there is a new one. */
  until_ms: number;
}

/**
 * Null: the key may spend more today. An attempt that is under way is not cut short, so that a key may spend more than its limit by
 * what one job needs; attempts whose joules are not known count as none.
 */
export function budgetSpent(
  { energyPerDay_J: limit_J }: Pick<KeyLimits, 'energyPerDay_J'>,
  spent_J: number,
  now_ms: number,
): SpentBudget | null {
  if (limit_J === null || spent_J < limit_J) return null;
  const detail = `the jobs of the key have used ${rounded(spent_J)} J today, of ${rounded(limit_J)} J a day`;
  return { detail, until_ms: utcDay_ms(now_ms).end_ms };
}

/** Four digits; zeros that say nothing left out. */
const rounded = (joules: number): string => String(Number(joules.toPrecision(4)));
