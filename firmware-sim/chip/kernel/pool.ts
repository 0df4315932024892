// The worker threads of a core. They share one memory: couplings and table are read by all, and every worker writes only
// to its own area, so that neither the number of threads nor the order of the blocks can reach the samples.
import { Worker } from 'node:worker_threads';
import type { RunPlan } from './coefficients.ts';
import { areaAddress, BLOCK_MAX } from './kernel.ts';
import { CONTROL } from './worker-messages.ts';
import type { RunOrder, WorkerReport, WorkerSetup } from './worker-messages.ts';

/** The worker beside this file: source under type stripping, JavaScript in the published build. */
const workerUrl = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

interface ActiveRun {
  plan: RunPlan;
  codes: Int16Array | Int32Array;
  busyWorkers: number;
  finish(): void;
}

/** Whole groups of 8, up to BLOCK_MAX, but no larger than what gives every thread a block. */
function blockReplicas(samples: number, threads: number): number {
  return Math.min(BLOCK_MAX, Math.max(1, Math.ceil(samples / 8 / threads)) * 8);
}

export class WorkerPool {
  readonly #workers: Worker[];
  readonly #control: Int32Array<SharedArrayBuffer>;
  #run: ActiveRun | null = null;
  #onFailure: ((cause: Error) => void) | null = null;
  #failure: Error | null = null;

  private constructor(workers: Worker[], control: Int32Array<SharedArrayBuffer>) {
    this.#workers = workers;
    this.#control = control;
    for (const worker of workers) {
      worker.on('message', (report: WorkerReport) => this.#onReport(report));
      worker.on('error', (error: unknown) =>
        this.#fail(error instanceof Error ? error : new Error(String(error))),
      );
      worker.on('exit', (code) => this.#fail(new Error(`a kernel worker ended with exit code ${code}`)));
    }
  }

  /** Starts `threads` workers and waits until all have compiled their instance. Idle workers keep no process alive. */
  static async start(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    unitsMax: number,
    threads: number,
  ): Promise<WorkerPool> {
    const control = new Int32Array(new SharedArrayBuffer(CONTROL.words * 4));
    const workers = Array.from({ length: threads }, (_, index) => {
      const workerData: WorkerSetup = { module, memory, control, area: areaAddress(unitsMax, index) };
      return new Worker(workerUrl, { workerData });
    });
    try {
      await Promise.all(workers.map(untilReady));
    } catch (cause) {
      await Promise.all(workers.map((worker) => worker.terminate()));
      throw cause;
    }
    for (const worker of workers) worker.unref();
    return new WorkerPool(workers, control);
  }

  /** Why no run can be made any more, or null. */
  get failure(): Error | null {
    return this.#failure;
  }

  get busy(): boolean {
    return this.#run !== null;
  }

  /** Runs a plan on all workers; settles only when all are idle again. Rejects with the signal's reason. */
  run(plan: RunPlan, signal?: AbortSignal): Promise<Int16Array> {
    return this.#execute(plan, new Int16Array(plan.samples * plan.reads * plan.units), signal);
  }

  /** The same, with the states in Q27 at the reads instead of the codes of an ideal converter. */
  runRaw(plan: RunPlan, signal?: AbortSignal): Promise<Int32Array> {
    return this.#execute(plan, new Int32Array(plan.samples * plan.reads * plan.units), signal);
  }

  async #execute<Codes extends Int16Array | Int32Array>(
    plan: RunPlan,
    codes: Codes,
    signal?: AbortSignal,
  ): Promise<Codes> {
    signal?.throwIfAborted();
    Atomics.store(this.#control, CONTROL.nextBlock, 0);
    Atomics.store(this.#control, CONTROL.stop, 0);
    const order: RunOrder = {
      plan,
      blockReplicas: blockReplicas(plan.samples, this.#workers.length),
      raw: codes instanceof Int32Array,
    };
    const stop = (): void => void Atomics.store(this.#control, CONTROL.stop, 1);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        this.#run = { plan, codes, busyWorkers: this.#workers.length, finish: resolve };
        this.#onFailure = reject;
        for (const worker of this.#workers) {
          worker.ref();
          worker.postMessage(order);
        }
      });
    } finally {
      this.#run = null;
      this.#onFailure = null;
      signal?.removeEventListener('abort', stop);
      for (const worker of this.#workers) worker.unref();
    }
    signal?.throwIfAborted();
    return codes;
  }

  async close(): Promise<void> {
    this.#fail(new Error('the core was closed'));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #onReport(report: WorkerReport): void {
    const run = this.#run;
    if (run === null) return;
    if (report.kind === 'block') {
      run.codes.set(report.codes, report.firstSample * run.plan.reads * run.plan.units);
    } else if (report.kind === 'idle') {
      run.busyWorkers -= 1;
      if (run.busyWorkers === 0) run.finish();
    }
  }

  #fail(cause: Error): void {
    this.#failure ??= cause;
    this.#onFailure?.(cause);
  }
}

function untilReady(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
  });
}
