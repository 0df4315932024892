// What one coupling fault makes of effective couplings: a copy of them with some pairs changed, both directions alike.
import { DRAW, words } from '../chip/imperfections/draws.ts';
import { pairNumber, rounded } from '../chip/imperfections/index.ts';
import type { EffectiveCouplings } from '../chip/imperfections/index.ts';
import type { PlantedFault } from './registry.ts';

const CODE_MAX = 2047;
/** Effective couplings are 16-bit. */
const EFFECTIVE_MAX = 32767;
/** A drifting gain stays within what `wrong` allows. */
const GAIN_ERROR_MAX = 2;

export class CouplingPatch {
  /** Equal keys: the same change. */
  readonly key: string;
  readonly #fault: PlantedFault;
  /** Of `wrong` and `drift`: what a coupling is multiplied by. */
  readonly #gain: number | null;

  constructor(fault: PlantedFault, now_s: number) {
    this.#fault = fault;
    this.#gain = gainOf(fault, now_s);
    this.key = `${fault.id}:${this.#gain ?? ''}`;
  }

  apply(units: number, couplings: EffectiveCouplings): EffectiveCouplings {
    const { couplingCode, couplingFractionBits } = couplings;
    const pairs = pairsOf(this.#fault, units);
    if (this.#gain !== null) return scaled(units, couplings, pairs, this.#gain);
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

function gainOf({ spec, startsAt_s }: PlantedFault, now_s: number): number | null {
  if (spec.type === 'wrong') return 1 + (spec.magnitude?.value ?? 0);
  if (spec.type !== 'drift') return null;
  const error = (spec.rate?.value ?? 0) * (now_s - startsAt_s);
  return 1 + Math.max(-GAIN_ERROR_MAX, Math.min(GAIN_ERROR_MAX, error));
}

/** Gains need fraction bits; what lies beyond 16 bits saturates. */
function scaled(
  units: number,
  { couplingCode, couplingFractionBits }: EffectiveCouplings,
  pairs: Iterable<readonly [number, number]>,
  gain: number,
): EffectiveCouplings {
  const value = Float64Array.from(couplingCode, (code) => code * 2 ** -couplingFractionBits);
  for (const [i, j] of pairs) {
    for (const at of [i * units + j, j * units + i]) {
      value[at] = Math.max(-EFFECTIVE_MAX, Math.min(EFFECTIVE_MAX, value[at] * gain));
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
