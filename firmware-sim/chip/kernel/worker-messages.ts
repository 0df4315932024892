// What the main thread and the worker threads of the core say to each other.
import type { RunPlan } from './coefficients.ts';
import type { ReadoutBlock } from './kernel.ts';

/** Words of the control array that all threads share. */
export const CONTROL = { nextBlock: 0, stop: 1, words: 2 } as const;

export interface WorkerSetup {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Address of the worker's own area in the memory. */
  area: number;
  control: Int32Array<SharedArrayBuffer>;
}

export interface RunOrder {
  plan: RunPlan;
  /** Replicas per block, a multiple of 8. */
  blockReplicas: number;
  /** States in Q27 instead of codes: a readout chain with errors of its own makes the codes. */
  raw: boolean;
}

export type WorkerReport =
  | { kind: 'ready' }
  | { kind: 'block'; firstSample: number; codes: ReadoutBlock }
  /** No block is left for this worker, or the run was stopped: it touches nothing any more. */
  | { kind: 'idle' };
