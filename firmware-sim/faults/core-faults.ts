// Faults of couplings and readout as the analog core sees them. Draws are pure functions of the seed of the fault and of
// indices (pair; sample, read, unit), so that batches and threads cannot reach them.
import type { CodesOfRun, CoreFaults, CouplingDamage } from '../chip/core-faults.ts';
import type { EffectiveCouplings } from '../chip/imperfections/index.ts';
import { CouplingPatch } from './coupling-faults.ts';
import { ReadoutColumn } from './readout-faults.ts';
import type { FaultRegistry, PlantedFault } from './registry.ts';

export class CoreFaultEffects implements CoreFaults {
  readonly #registry: FaultRegistry;
  /** What a failing readout remembers from batch to batch; gone with the fault. */
  readonly #columns = new WeakMap<PlantedFault, ReadoutColumn>();

  constructor(registry: FaultRegistry) {
    this.#registry = registry;
  }

  couplings(): CouplingDamage | null {
    const faults = this.#registry.inForce('coupling');
    if (faults.length === 0) return null;
    const patches = faults.map((fault) => new CouplingPatch(fault, this.#registry.now_s));
    return {
      key: patches.map((patch) => patch.key).join(' '),
      apply: (units: number, healthy: EffectiveCouplings) =>
        patches.reduce((couplings, patch) => patch.apply(units, couplings), healthy),
    };
  }

  readout(codes: Int16Array, of: CodesOfRun): void {
    const faults = this.#registry.inForce('readout');
    if (faults.length === 0) return;
    const now_s = this.#registry.now_s;
    for (const fault of faults) {
      let column = this.#columns.get(fault);
      if (column === undefined) this.#columns.set(fault, (column = new ReadoutColumn(fault)));
      column.damage(codes, of, now_s);
    }
  }
}
