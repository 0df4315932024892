// Makes files of samples without holding up the event loop: what is more than a millisecond of work goes to a worker
// thread, one file at a time, and what a pass over a file has found out is kept, so that no digest is taken twice.
import { StoreError, type Store } from '../../store/index.ts';
import { Thread, ownBuffers } from '../../threads/index.ts';
import { entryOf, type SampleFormat } from './formats.ts';
import { encodeSamples } from './encode.ts';
import type { EncodeTask, Encoded, FileFacts, SampleLayout, SampleSource } from './source.ts';
import type { ThreadAnswer } from './encode-thread.ts';

/** Numbers that are turned into a file in the request itself: about a millisecond, also as text. */
const INLINE_NUMBERS_MAX = 2_048;
/** Facts of so many files are kept, a few hundred bytes each. */
const FACTS_KEPT = 4_096;

/** What a file needs beyond its layout. */
export interface FileOf {
  format: SampleFormat;
  layout: SampleLayout;
}

export class SampleEncoder {
  readonly #store: Pick<Store, 'blobs'>;
  readonly #facts = new Map<string, FileFacts>();
  /** One pass over stored bytes: tenths of a second. */
  readonly #passes = new Thread<EncodeTask, ThreadAnswer>(import.meta.url, './encode-thread');
  /** Text and tables, which take seconds: the others do not wait for them. */
  readonly #makings = new Thread<EncodeTask, ThreadAnswer>(import.meta.url, './encode-thread');

  constructor(store: Pick<Store, 'blobs'>) {
    this.#store = store;
  }

  /** What is known of a file without a pass over it. */
  known(file: FileOf): FileFacts | null {
    return this.#facts.get(keyOf(file)) ?? null;
  }

  /**
   * The file, or for formats with segments its facts alone.
   * @throws {StoreError} corrupt-blob, not-found
   */
  async encode(file: FileOf, signal: AbortSignal): Promise<Encoded> {
    const { shape } = file.layout.provenance;
    const isSmall =
      shape.reduce((a, b) => a * b, 1) <= INLINE_NUMBERS_MAX &&
      file.format !== 'arrow' &&
      file.format !== 'parquet';
    const encoded = isSmall
      ? await encodeSamples(await this.#task(file))
      : await this.#inThread(file, signal);
    this.#keep(keyOf(file), encoded.facts);
    return encoded;
  }

  async close(): Promise<void> {
    await Promise.all([this.#passes.close(), this.#makings.close()]);
  }

  async #inThread(file: FileOf, signal: AbortSignal): Promise<Encoded> {
    const thread = entryOf(file.format).ranges ? this.#passes : this.#makings;
    const answer = await thread.run(async () => {
      signal.throwIfAborted();
      const task = await this.#task(file);
      return { value: task, transfer: ownBuffers(task.source.codes, task.source.heat) };
    });
    if ('encoded' in answer) return answer.encoded;
    throw new StoreError('corrupt-blob', answer.corrupt);
  }

  // The numbers are read when it is their turn, so that those who wait hold nothing.
  async #task({ format, layout }: FileOf): Promise<EncodeTask> {
    const { samplesDigest, heatDigest } = layout.provenance;
    const source: SampleSource = {
      provenance: layout.provenance,
      // The pass itself compares the digests.
      codes: await this.#store.blobs.get(samplesDigest, { verify: false }),
      heat: heatDigest === null ? null : await this.#store.blobs.get(heatDigest, { verify: false }),
    };
    return { format, layout, source };
  }

  #keep(key: string, facts: FileFacts): void {
    this.#facts.delete(key);
    this.#facts.set(key, facts);
    for (const oldest of this.#facts.keys()) {
      if (this.#facts.size <= FACTS_KEPT) break;
      this.#facts.delete(oldest);
    }
  }
}

function keyOf({ format, layout }: FileOf): string {
  return `${layout.provenance.job} ${format} ${layout.withProvenance}`;
}
