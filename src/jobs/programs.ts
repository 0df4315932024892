// Models in the codes of a device, kept for the next job with the same model: reading, verifying and rounding 307,720
// couplings takes longer than many a run, and longer than anybody else should wait, so a thread does it.
import { PhysicsError, type ProgramRanges, type QuantisedProgram } from '../physics/index.ts';
import { StoreError, type ModelRow, type Store } from '../store/index.ts';
import { Thread, ownBuffers } from '../threads/index.ts';
import { makeProgram } from './make-program.ts';
import type { ProgramAnswer, ProgramTask } from './program-thread.ts';

const KEPT = 4;
/** Up to this size the thread would take longer than the work: 128 units. */
const INLINE_BYTES_MAX = 2 ** 16;

export class Programs {
  readonly #store: Pick<Store, 'blobs'>;
  readonly #kept = new Map<string, Promise<QuantisedProgram>>();
  readonly #thread = new Thread<ProgramTask, ProgramAnswer>(import.meta.url, './program-thread');

  constructor(store: Pick<Store, 'blobs'>) {
    this.#store = store;
  }

  /**
   * The program of a model on a device with these ranges.
   * Errors: PhysicsError (it does not fit), StoreError (`corrupt-blob`, `not-found`).
   */
  of(model: Pick<ModelRow, 'digest' | 'blob' | 'bytes'>, ranges: ProgramRanges): Promise<QuantisedProgram> {
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

  close(): Promise<void> {
    return this.#thread.close();
  }

  async #make(
    { blob, bytes }: Pick<ModelRow, 'blob' | 'bytes'>,
    ranges: ProgramRanges,
  ): Promise<QuantisedProgram> {
    // Its maker compares the digest.
    const read = (): Promise<Uint8Array> => this.#store.blobs.get(blob, { verify: false });
    if (bytes <= INLINE_BYTES_MAX) return makeProgram({ content: await read(), blob, ranges });
    const answer = await this.#thread.run(async () => {
      const content = await read();
      return { value: { content, blob, ranges }, transfer: ownBuffers(content) };
    });
    if ('program' in answer) return answer.program;
    if ('corrupt' in answer) throw new StoreError('corrupt-blob', answer.corrupt);
    const { code, message, ...details } = answer.refused;
    throw new PhysicsError(code, message, details);
  }
}
