// What one coupling fault makes of effective couplings: a copy of them with some pairs changed, both directions alike.
import { DRAW, words } from '../chip/imperfections/draws.ts';
import { pairNumber, rounded } from '../chip/imperfections/index.ts';
import type { EffectiveCouplings } from '../chip/imperfections/index.ts';
import type { PlantedFault } from './registry.ts';
import { COUPLING_ERROR } from './vocabulary.ts';

const CODE_MAX = 2047;
/** Effective couplings are 16-bit. */
const EFFECTIVE_MAX = 32767;

export class CouplingPatch {
  /** Equal keys: the same change. */
  readonly key: string;
  readonly #fault: PlantedFault;
  /** Of `wrong` and `drift`. */
  readonly #change: Change | null;

  constructor(fault: PlantedFault, now_s: number) {
    this.#fault = fault;
    this.#change = changeOf(fault, now_s);
    this.key = [fault.id, this.#change?.gain, this.#change?.added_codes].join(':');
  }

  apply(units: number, couplings: EffectiveCouplings): EffectiveCouplings {
    const { couplingCode, couplingFractionBits } = couplings;
    const pairs = pairsOf(this.#fault, units);
    if (this.#change !== null) return changed(units, couplings, pairs, this.#change);
    const out = couplingCode.slice();
    for (const [i, j] of pairs) {
      out[i * units + j] = out[j * units + i] = this.#code(i, j) << couplingFractionBits;
    }
    return { couplingCode: out, couplingFractionBits };
  }

  /** Of `off`, `stuck`, `garbage` and `intermittent`. */
  #code(i: number, j: number): number {
    const { type, magnitude, seed } = this.#fault.spec;
    if (type === 'stuck') return magnitude?.value ?? 0;
    if (type !== 'garbage') return 0;
    const largest = magnitude?.value ?? CODE_MAX;
    const pair = pairNumber(Math.min(i, j), Math.max(i, j));
    const [word] = words([seed, 0], DRAW.faultCoupling, 1, pair);
    return Math.floor((word / 2 ** 32) * (2 * largest + 1)) - largest;
  }
}

/** J becomes gain times J, plus so many codes. */
interface Change {
  gain: number;
  added_codes: number;
}

function changeOf({ spec, startsAt_s }: PlantedFault, now_s: number): Change | null {
  const { type, magnitude, rate } = spec;
  if (type === 'wrong') return errorOf(magnitude?.unit, magnitude?.value ?? 0);
  if (type !== 'drift') return null;
  const unit = rate?.unit.replace(/_per_s$/, '');
  const most = magnitude?.value ?? mostOf(unit);
  return errorOf(unit, Math.max(-most, Math.min(most, (rate?.value ?? 0) * (now_s - startsAt_s))));
}

function errorOf(unit: string | undefined, error: number): Change {
  if (unit === 'ratio') return { gain: 1 + error, added_codes: 0 };
  return { gain: 1, added_codes: unit === 'full_scale' ? error * CODE_MAX : error };
}

function mostOf(unit: string | undefined): number {
  return unit === 'codes' || unit === 'full_scale' ? COUPLING_ERROR[unit].most : COUPLING_ERROR.ratio.most;
}

/** Such changes need fraction bits; what lies beyond 16 bits saturates. */
function changed(
  units: number,
  { couplingCode, couplingFractionBits }: EffectiveCouplings,
  pairs: Iterable<readonly [number, number]>,
  { gain, added_codes }: Change,
): EffectiveCouplings {
  const value = Float64Array.from(couplingCode, (code) => code * 2 ** -couplingFractionBits);
  for (const [i, j] of pairs) {
    for (const at of [i * units + j, j * units + i]) {
      value[at] = Math.max(-EFFECTIVE_MAX, Math.min(EFFECTIVE_MAX, value[at] * gain + added_codes));
    }
  }
  return rounded(
    value,
    value.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0),
  );
}

/** Pairs that a fault names and a program of `units` has. */
function* pairsOf({ spec: { target } }: PlantedFault, units: number): Generator<readonly [number, number]> {
  if (target.pair !== undefined) {
    if (Math.max(...target.pair) < units) yield target.pair;
    return;
  }
  for (let i = 0; i < units; i++) {
    if (target.unit === i) continue;
    if (target.unit !== undefined) {
      if (target.unit < units) yield [target.unit, i];
      continue;
    }
    for (let j = i + 1; j < units; j++) yield [i, j];
  }
}
