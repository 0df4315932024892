// How busy the machine was, and CPU seconds: how far to trust a time.
import { cpus } from 'node:os';

let childCpu_s = 0;

/** Counts CPU time of a child process as our own. */
export function countChildCpu(cpu_s: number): void {
  childCpu_s += cpu_s;
}

/** Share of all cores that other processes used between two calls. */
export function otherLoad(): () => number {
  const total = (): { busy: number; all: number } =>
    cpus().reduce(
      (sum, { times }) => {
        const all = times.user + times.nice + times.sys + times.idle + times.irq;
        return { busy: sum.busy + all - times.idle, all: sum.all + all };
      },
      { busy: 0, all: 0 },
    );
  const start = total();
  const own = process.cpuUsage();
  const children = childCpu_s;
  return () => {
    const end = total();
    const used = process.cpuUsage(own);
    const own_ms = (used.user + used.system) / 1000 + (childCpu_s - children) * 1000;
    return Math.max(0, end.busy - start.busy - own_ms) / Math.max(1, end.all - start.all);
  };
}

/** CPU seconds of the whole process, threads included, while `work` runs. */
export async function cpuSeconds(work: () => Promise<unknown> | void): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const used = process.cpuUsage(start);
  return (used.user + used.system) / 1e6;
}

/** Seconds on the wall while `work` runs. */
export async function wallSeconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
