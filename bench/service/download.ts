// How fast a large result comes down over loopback, as stored codes and as .npy, which is made on the way.
import type { Job } from '../../src/client/index.ts';
import { median } from '../figure.ts';
import { Http } from './http.ts';
import type { Stand } from './stand.ts';

const UNITS = 1296;
const BYTES_PER_CODE = 2;

export interface DownloadSpeed {
  /** Of the body, per repetition. */
  MBps: number[];
  bytes: number;
}

/** Makes a result of about so many MB of codes, and returns its job. */
export async function largeResult(stand: Stand, megabytes: number): Promise<Job> {
  const model = await stand.client.uploadModel({ couplings: new Float64Array(UNITS * UNITS) });
  const count = Math.ceil((megabytes * 1e6) / (UNITS * BYTES_PER_CODE));
  return stand.client.runJob({
    model,
    device: { id: 'chip-0' },
    relax: { duration_s: 2e-9, initial: { kind: 'thermal', prepare_s: 1e-9 } },
    samples: { count },
    record: { heat: false },
  });
}

/** Downloads in one format, over and over; the first one makes what is kept, and does not count. */
export async function downloadSpeed(
  stand: Stand,
  job: string,
  format: 'raw' | 'npy',
  repetitions: number,
): Promise<DownloadSpeed> {
  const http = new Http(stand.url, stand.key, 1);
  const path = `/v1/jobs/${job}/samples?format=${format}`;
  const speed: DownloadSpeed = { MBps: [], bytes: 0 };
  for (let k = 0; k <= repetitions; k += 1) {
    const start_ms = performance.now();
    const { status, bytes } = await http.drain(path);
    const took_s = (performance.now() - start_ms) / 1000;
    if (status !== 200) throw new Error(`the download was answered with ${status}`);
    if (k > 0) speed.MBps.push(bytes / 1e6 / took_s);
    speed.bytes = bytes;
  }
  http.close();
  return speed;
}

export const medianMBps = ({ MBps }: DownloadSpeed): number => median(MBps);
