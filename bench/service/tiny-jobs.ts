// Jobs that ask next to nothing of the device: what is left is the service. One after the other for the overhead, several
// clients at once for the rate.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Job, JobSubmission } from '../../src/client/index.ts';
import { Http, jsonOf } from './http.ts';
import type { Syncs } from './inside.ts';
import type { Stand } from './stand.ts';

const TINY_S = 1e-8;
const WARM_UP = 20;
/** A commit appends a few pages of 4 kB to the log. */
const SYNC_BYTES = 4096;

export interface Overhead {
  /** From the submission until the result is known, less the device's own time, per job. */
  beyondDevice_ms: number[];
  device_ms: number[];
  /** Of all of them. */
  syncs: Syncs;
  sync_ms: number[];
  /** Processor time of the service, all threads, per job. */
  cpu_ms: number;
}

/** A job of one sample of two units; other labels, so that no two are the same. */
export const tinyJob = (model: string, k: number): JobSubmission => ({
  model,
  device: { id: 'chip-0' },
  relax: { duration_s: TINY_S },
  samples: { count: 1 },
  labels: { k: String(k) },
});

/** Submits with a wait; returns the finished job. */
async function runTiny(http: Http, model: string, k: number): Promise<Job> {
  const answer = await http.send('POST', '/v1/jobs', tinyJob(model, k), { prefer: 'wait=60' });
  const job = jsonOf<Job>(answer, 200);
  if (job.state !== 'succeeded') throw new Error(`job ${job.id} ended as ${job.state} (${job.cause})`);
  return job;
}

/** Overhead of `count` jobs, one after the other. A disk sync of our own is timed between them, every few jobs. */
export async function overhead(stand: Stand, model: string, count: number): Promise<Overhead> {
  const http = new Http(stand.url, stand.key, 1);
  const probe = new SyncProbe(stand.folder);
  for (let k = 0; k < WARM_UP; k += 1) await runTiny(http, model, k);
  const result: Overhead = {
    beyondDevice_ms: [],
    device_ms: [],
    syncs: { commits: 0, files: 0 },
    sync_ms: [],
    cpu_ms: 0,
  };
  const before = await stand.ask<Syncs>('syncs');
  const cpuBefore = await stand.ask<NodeJS.CpuUsage>('cpu');
  for (let k = 0; k < count; k += 1) {
    const start_ms = performance.now();
    const { result: of } = await runTiny(http, model, k);
    const took_ms = performance.now() - start_ms;
    const device_ms = (of?.timing.total_s ?? 0) * 1000;
    result.device_ms.push(device_ms);
    result.beyondDevice_ms.push(took_ms - device_ms);
    if (k % 5 === 0) result.sync_ms.push(probe.once_ms());
  }
  const cpu = await stand.ask<NodeJS.CpuUsage>('cpu');
  const after = await stand.ask<Syncs>('syncs');
  result.cpu_ms = (cpu.user + cpu.system - cpuBefore.user - cpuBefore.system) / 1000 / count;
  result.syncs = { commits: after.commits - before.commits, files: after.files - before.files };
  probe.close();
  http.close();
  return result;
}

/** Jobs finished per second by so many clients at once. */
export async function rate(
  stand: Stand,
  model: string,
  options: { clients: number; seconds: number },
): Promise<{ jobs: number; perSecond: number }> {
  const http = new Http(stand.url, stand.key, options.clients);
  const start_ms = performance.now();
  const until_ms = start_ms + options.seconds * 1000;
  let jobs = 0;
  await Promise.all(
    Array.from({ length: options.clients }, async (_, client) => {
      for (let k = 0; performance.now() < until_ms; k += 1) {
        await runTiny(http, model, client * 1_000_000 + k);
        jobs += 1;
      }
    }),
  );
  const took_s = (performance.now() - start_ms) / 1000;
  http.close();
  return { jobs, perSecond: jobs / took_s };
}

/** One fdatasync after another, of a file that grows as a write-ahead log does, on the disk of the service. */
class SyncProbe {
  readonly #file: number;
  readonly #page = Buffer.alloc(SYNC_BYTES, 7);

  constructor(folder: string) {
    this.#file = openSync(join(folder, 'sync-probe'), 'a');
  }

  once_ms(): number {
    writeSync(this.#file, this.#page);
    const start_ms = performance.now();
    fdatasyncSync(this.#file);
    return performance.now() - start_ms;
  }

  close(): void {
    closeSync(this.#file);
  }
}
