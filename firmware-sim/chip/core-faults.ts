// Where faults that strike a core while it runs get at it: the couplings before a batch and the codes after it. The core
// knows no fault by name, and asks nobody when nothing is planted.
import type { CoreRun } from './analog-core.ts';
import type { EffectiveCouplings } from './imperfections/index.ts';

/** What failing couplings make of those that the chip would have. */
export interface CouplingDamage {
  /** Equal keys mean equal damage. */
  readonly key: string;
  /** Returns new couplings; those it is given stay as they are. */
  apply(units: number, healthy: EffectiveCouplings): EffectiveCouplings;
}

/** A batch whose codes are there, shape [samples][reads][units]. */
export interface CodesOfRun {
  readonly run: CoreRun;
  readonly reads: number;
  readonly units: number;
}

export interface CoreFaults {
  /** What is wrong with the couplings now; null: nothing. */
  couplings(): CouplingDamage | null;
  /** Damages the codes of a batch, in place. Batches of a run come in order. */
  readout(codes: Int16Array, of: CodesOfRun): void;
}
