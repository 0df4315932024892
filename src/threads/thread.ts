// A worker thread that does one task at a time, started when it is first needed; and its other end, inside the thread. So that
// seconds of arithmetic do not hold up deadlines of the line and answers to clients.
import { Worker, parentPort } from 'node:worker_threads';

/** What goes to the thread; the buffers in `transfer` are gone here afterwards. */
export interface Sent<T> {
  value: T;
  transfer?: ArrayBuffer[];
}

type Reply<Answer> = { answer: Answer } | { failed: string };

export class Thread<Task, Answer> {
  readonly #file: URL;
  #worker: Worker | null = null;
  /** Of the task under way. */
  #pending: PromiseWithResolvers<Answer> | null = null;
  #lastInLine: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** @param importer `import.meta.url` of the caller @param name of the file beside it that calls `serveThread`, without its ending */
  constructor(importer: string, name: string) {
    // Node's stripped sources end in .ts, the published build in .js.
    this.#file = new URL(`${name}${importer.endsWith('.ts') ? '.ts' : '.js'}`, importer);
  }

  /**
   * Does one task when those before it are done.
   * @param prepare makes the task when it is its turn, so that those who wait hold nothing; may throw to give up
   */
  run(prepare: () => Sent<Task> | Promise<Sent<Task>>): Promise<Answer> {
    const turn = this.#lastInLine.then(async () => {
      const { value, transfer } = await prepare();
      if (this.#closed) throw new Error('the thread was closed');
      const worker = (this.#worker ??= this.#start());
      this.#pending = Promise.withResolvers();
      worker.postMessage(value, transfer ?? []);
      return this.#pending.promise;
    });
    this.#lastInLine = turn.catch(() => undefined);
    return turn;
  }

  /** Ends the thread; what is under way fails. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#file);
    // It alone keeps no process alive.
    worker.unref();
    const gone = (error: Error): void => {
      if (this.#worker === worker) this.#worker = null;
      this.#pending?.reject(error);
    };
    worker.once('error', gone);
    worker.once('exit', () => gone(new Error(`the thread ${this.#file.pathname} ended without an answer`)));
    worker.on('message', (reply: Reply<Answer>) => {
      if ('answer' in reply) this.#pending?.resolve(reply.answer);
      else this.#pending?.reject(new Error(reply.failed));
    });
    return worker;
  }
}

/** The other end: answers every task with what `work` makes of it. What it throws is a defect; refusals are answers. */
export function serveThread<Task, Answer>(work: (task: Task) => Sent<Answer> | Promise<Sent<Answer>>): void {
  const reply = (message: Reply<Answer>, transfer: ArrayBuffer[] = []): void =>
    parentPort?.postMessage(message, transfer);
  const answer = async (task: Task): Promise<void> => {
    try {
      const { value, transfer } = await work(task);
      reply({ answer: value }, transfer);
    } catch (error) {
      reply({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  };
  parentPort?.on('message', (task: Task) => void answer(task));
}

/** From this size on a buffer is handed over: a copy would take half a millisecond. */
const HAND_OVER_BYTES = 2 ** 20;

/** The buffers of large arrays that are all of their buffer, to be handed over instead of copied. */
export function ownBuffers(...arrays: (ArrayBufferView | null)[]): ArrayBuffer[] {
  return arrays.flatMap((array) => {
    if (array === null || array.byteLength < HAND_OVER_BYTES) return [];
    const { buffer } = array;
    return buffer instanceof ArrayBuffer && buffer.byteLength === array.byteLength ? [buffer] : [];
  });
}
