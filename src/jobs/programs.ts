// Models in the codes of a device, kept for the next job with the same model: reading, verifying and rounding 307,720
// couplings takes longer than many a run, and longer than anybody else should wait, so a thread does it.
import { PhysicsError, type ProgramRanges } from '../physics/index.ts';
import { StoreError, type ModelRow, type Store } from '../store/index.ts';
import { Thread, ownBuffers } from '../threads/index.ts';
import {
  makeProgram,
  measureProgram,
  type MeasuredProgram,
  type ProgramOptions,
  type ReadyProgram,
} from './make-program.ts';
import type { ProgramAnswer, ProgramTask, RefusedModel } from './program-thread.ts';

const KEPT = 4;
/** Up to this size the thread would take longer than the work: 128 units. */
const INLINE_BYTES_MAX = 2 ** 16;

export class Programs {
  readonly #store: Pick<Store, 'blobs'>;
  readonly #kept = new Map<string, Promise<ReadyProgram>>();
  readonly #thread = new Thread<ProgramTask, ProgramAnswer>(import.meta.url, './program-thread');

  constructor(store: Pick<Store, 'blobs'>) {
    this.#store = store;
  }

  /**
   * The program of a model on a device with these ranges, and its image.
   * @param clockScale energies and kT raised by it (within what the ranges allow)
   * Errors: PhysicsError (it does not fit), StoreError (`corrupt-blob`, `not-found`).
   */
  of(
    model: Pick<ModelRow, 'digest' | 'blob' | 'bytes'>,
    ranges: ProgramRanges,
    clockScale?: number,
  ): Promise<ReadyProgram> {
    const key = `${model.digest} ${JSON.stringify(ranges)} ${clockScale ?? 1}`;
    const program = this.#kept.get(key) ?? this.make(model, ranges, { clockScale });
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

  /**
   * What rounding a model to these ranges costs; not kept.
   * Errors: StoreError (`corrupt-blob`, `not-found`). That it does not fit is an answer.
   */
  async measure({ blob, bytes }: Stored, ranges: ProgramRanges): Promise<MeasuredProgram> {
    if (bytes <= INLINE_BYTES_MAX) return measureProgram({ content: await this.#read(blob), blob, ranges });
    const answer = await this.#inThread({ blob, ranges, kind: 'measure' });
    if (!('measured' in answer)) throw refusalIn(answer);
    return { ...answer.measured, flaws: answer.measured.flaws.map(physicsError) };
  }

  /** A program that is not kept, such as one of many roundings. Errors as for `of`. */
  async make({ blob, bytes }: Stored, ranges: ProgramRanges, options: ProgramOptions): Promise<ReadyProgram> {
    if (bytes <= INLINE_BYTES_MAX)
      return makeProgram({ content: await this.#read(blob), blob, ranges }, options);
    const answer = await this.#inThread({ blob, ranges, options });
    if ('ready' in answer) return answer.ready;
    throw refusalIn(answer);
  }

  #inThread(task: Omit<ProgramTask, 'content'>): Promise<ProgramAnswer> {
    return this.#thread.run(async () => {
      const content = await this.#read(task.blob);
      return { value: { ...task, content }, transfer: ownBuffers(content) };
    });
  }

  /** Whoever uses them compares the digest. */
  #read(blob: ModelRow['blob']): Promise<Uint8Array> {
    return this.#store.blobs.get(blob, { verify: false });
  }
}

type Stored = Pick<ModelRow, 'blob' | 'bytes'>;

function physicsError({ code, message, ...details }: RefusedModel): PhysicsError {
  return new PhysicsError(code, message, details);
}

/** What the thread said instead of what it was asked for. */
function refusalIn(answer: ProgramAnswer): Error {
  if ('corrupt' in answer) return new StoreError('corrupt-blob', answer.corrupt);
  if ('refused' in answer) return physicsError(answer.refused);
  return new Error('the thread answered another task');
}
