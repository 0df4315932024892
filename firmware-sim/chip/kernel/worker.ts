// A worker thread of the core: takes blocks of replicas until none is left, and sends their codes to the main thread.
import { parentPort, workerData } from 'node:worker_threads';
import { Kernel } from './kernel.ts';
import { CONTROL } from './worker-messages.ts';
import type { RunOrder, WorkerReport, WorkerSetup } from './worker-messages.ts';

const { module, memory, area, control } = workerData as WorkerSetup;
const kernel = new Kernel(module, memory, area);
const stopped = (): boolean => Atomics.load(control, CONTROL.stop) !== 0;

function report(message: WorkerReport, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

function work({ plan, blockReplicas, raw }: RunOrder): void {
  while (!stopped()) {
    const first = Atomics.add(control, CONTROL.nextBlock, 1) * blockReplicas;
    if (first >= plan.samples) break;
    const count = Math.min(blockReplicas, plan.samples - first);
    const block = [plan, first, count, stopped] as const;
    const codes = raw ? kernel.runBlockRaw(...block) : kernel.runBlock(...block);
    if (codes !== null) report({ kind: 'block', firstSample: first, codes }, [codes.buffer]);
  }
  report({ kind: 'idle' });
}

parentPort?.on('message', (order: RunOrder) => work(order));
report({ kind: 'ready' });
