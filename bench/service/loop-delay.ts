// How long an event loop makes others wait. A histogram of timer delays, as usual gauges are, counts a block of 100 ms as one
// among a thousand calm milliseconds; here it counts as what it is for requests that arrive at any moment: 100 ms of arrivals
// that wait 50 ms on average.
import { setInterval as every, clearInterval, clearTimeout } from 'node:timers';

export interface LoopDelay {
  /** The delay that 99 % of arrivals at random moments stay below. */
  p99_ms: number;
  /** The longest time without a turn. */
  longest_ms: number;
  /**
   * The same of the processor time of this thread alone: what a busy machine adds by running others is not in it, and
   * neither is what this thread waited for.
   */
  cpuP99_ms: number;
  cpuLongest_ms: number;
  duration_s: number;
}

const TICK_MS = 1;
/** A timer of 1 ms is this late without any load; what is shorter is no block. */
const CALM_MS = 2;

export function arrivalDelays(): { start(): void; stop(): LoopDelay } {
  let timer: NodeJS.Timeout | null = null;
  let blocks: number[] = [];
  let work: number[] = [];
  let lastWork_ms = 0;
  let from_ms = 0;
  let last_ms = 0;
  return {
    start() {
      if (timer !== null) clearInterval(timer);
      blocks = [];
      work = [];
      lastWork_ms = threadCpu_ms();
      from_ms = last_ms = performance.now();
      timer = every(() => {
        const now_ms = performance.now();
        if (now_ms - last_ms > CALM_MS) blocks.push(now_ms - last_ms);
        last_ms = now_ms;
        const work_ms = threadCpu_ms();
        if (work_ms - lastWork_ms > CALM_MS) work.push(work_ms - lastWork_ms);
        lastWork_ms = work_ms;
      }, TICK_MS);
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      const total_ms = performance.now() - from_ms;
      return {
        p99_ms: delayAt(0.01, blocks, total_ms),
        longest_ms: Math.max(0, ...blocks),
        cpuP99_ms: delayAt(0.01, work, total_ms),
        cpuLongest_ms: Math.max(0, ...work),
        duration_s: total_ms / 1000,
      };
    },
  };
}

/**
 * The delay that a share of the arrivals exceeds, when they come evenly over `total_ms`.
 * An arrival within a block waits for its end.
 */
export function delayAt(share: number, blocks: readonly number[], total_ms: number): number {
  const exceeding = (delay_ms: number): number =>
    blocks.reduce((sum, block) => sum + Math.max(0, block - delay_ms), 0) / total_ms;
  let [low, high] = [0, Math.max(0, ...blocks)];
  for (let k = 0; k < 50; k += 1) {
    const middle = (low + high) / 2;
    if (exceeding(middle) > share) low = middle;
    else high = middle;
  }
  return high;
}

/** Processor time of this thread so far. */
function threadCpu_ms(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
