// Which units can be worked with: those that follow the forces on them.
import type { DrivenData } from './driven-data.ts';

export type AnswerQuality = 'ok' | 'dead' | 'stuck';

export interface UnitAnswers {
  /** Numbers of the units that move, ascending. */
  live: number[];
  /** One code only. */
  dead: number[];
  /** Read like any other, deaf to forces. */
  stuck: number[];
  quality: AnswerQuality[];
  /** Mean of x along the force, per unit; the units that work have about 1. */
  answer_x: Float64Array;
}

/** A unit with less than this share of the median answer does not follow its force. */
const ANSWER_MIN_RATIO = 0.5;

/**
 * Tells the units apart by how far they go along their forces. The forces move a unit by many times its noise, so that no error bar is
 * needed: between a unit that works and one that does not lie tens of standard errors.
 */
export function unitAnswers({
  codes,
  patterns,
  samples,
  units,
  stateScale,
  force_E0,
}: DrivenData): UnitAnswers {
  const answer_x = new Float64Array(units);
  const isConstant = new Uint8Array(units).fill(1);
  for (let p = 0; p < patterns; p++)
    for (let s = 0; s < samples; s++)
      for (let i = 0; i < units; i++) {
        const code = codes[(p * samples + s) * units + i];
        answer_x[i] += (Math.sign(force_E0[p * units + i]) * code * stateScale) / (patterns * samples);
        if (code !== codes[i]) isConstant[i] = 0;
      }
  const sorted = answer_x.toSorted();
  const expected = sorted[Math.floor(units / 2)];
  const quality = Array.from(answer_x, (answer, i): AnswerQuality => {
    if (isConstant[i] === 1) return 'dead';
    return answer < ANSWER_MIN_RATIO * expected ? 'stuck' : 'ok';
  });
  const having = (wanted: AnswerQuality): number[] => quality.flatMap((q, i) => (q === wanted ? [i] : []));
  return { live: having('ok'), dead: having('dead'), stuck: having('stuck'), quality, answer_x };
}
