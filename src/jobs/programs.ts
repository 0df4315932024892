// Models in the codes of a device, kept for the next job with the same model: reading, verifying and rounding 307,720
// couplings takes longer than many a run.
import { quantise, type ProgramRanges, type QuantisedProgram } from '../physics/index.ts';
import { decodeModelContent, type ModelRow, type Store } from '../store/index.ts';

const KEPT = 4;

export class Programs {
  readonly #store: Store;
  readonly #kept = new Map<string, Promise<QuantisedProgram>>();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * The program of a model on a device with these ranges.
   * Errors: PhysicsError (it does not fit), StoreError (`corrupt-blob`, `not-found`).
   */
  of(model: Pick<ModelRow, 'digest' | 'blob'>, ranges: ProgramRanges): Promise<QuantisedProgram> {
    const key = `${model.digest} ${JSON.stringify(ranges)}`;
    const program = this.#kept.get(key) ?? this.#make(model, ranges);
    this.#kept.delete(key);
    this.#kept.set(key, program);
    program.catch(() => this.#kept.delete(key));
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
    return program;
  }

  async #make(model: Pick<ModelRow, 'blob'>, ranges: ProgramRanges): Promise<QuantisedProgram> {
    return quantise(decodeModelContent(await this.#store.blobs.get(model.blob)), ranges);
  }
}
