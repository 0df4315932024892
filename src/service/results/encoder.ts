// Makes files of samples without holding up the event loop: what is more than a millisecond of work goes to one worker
// thread, one file at a time, and what a pass over a file has found out is kept, so that no digest is taken twice.
import { Worker } from 'node:worker_threads';
import { StoreError, type Store } from '../../store/index.ts';
import type { SampleFormat } from './formats.ts';
import { encodeSamples } from './encode.ts';
import type { EncodeTask, Encoded, FileFacts, SampleLayout, SampleSource } from './source.ts';
import type { WorkerAnswer } from './worker.ts';

/** Numbers that are turned into a file in the request itself: about a millisecond, also as text. */
const INLINE_NUMBERS_MAX = 2_048;
/** From this size on a buffer is handed to the worker: a copy of it would take half a millisecond. */
const HAND_OVER_BYTES = 2 ** 20;
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
  #worker: Worker | null = null;
  /** Of the task that the worker is at. */
  #answer: PromiseWithResolvers<Encoded> | null = null;
  #closed = false;
  #lastInLine: Promise<unknown> = Promise.resolve();

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
      : await this.#inTurn(async () => {
          signal.throwIfAborted();
          return this.#byWorker(await this.#task(file));
        });
    this.#keep(keyOf(file), encoded.facts);
    return encoded;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
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

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastInLine.then(work);
    this.#lastInLine = turn.catch(() => undefined);
    return turn;
  }

  #byWorker(task: EncodeTask): Promise<Encoded> {
    if (this.#closed) throw new Error('the service is closing');
    const worker = (this.#worker ??= this.#startWorker());
    this.#answer = Promise.withResolvers();
    worker.postMessage(task, [...ownBuffer(task.source.codes), ...ownBuffer(task.source.heat)]);
    return this.#answer.promise;
  }

  #startWorker(): Worker {
    // Node's stripped sources end in .ts, the published build in .js.
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const worker = new Worker(new URL(file, import.meta.url));
    // It alone keeps no process alive.
    worker.unref();
    const gone = (error: Error): void => {
      this.#worker = null;
      this.#answer?.reject(error);
    };
    worker.once('error', gone);
    worker.once('exit', () => gone(new Error('the worker that makes files ended without an answer')));
    worker.on('message', (answer: WorkerAnswer) => {
      if ('encoded' in answer) this.#answer?.resolve(answer.encoded);
      else if ('corrupt' in answer) this.#answer?.reject(new StoreError('corrupt-blob', answer.corrupt));
      else this.#answer?.reject(new Error(answer.failed));
    });
    return worker;
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

/** The buffer to hand over, when the bytes are all of it; little ones are copied. */
function ownBuffer(bytes: Uint8Array | null): ArrayBuffer[] {
  if (bytes === null || bytes.length < HAND_OVER_BYTES || !(bytes.buffer instanceof ArrayBuffer)) return [];
  return bytes.buffer.byteLength === bytes.byteLength ? [bytes.buffer] : [];
}
