// The service under load: what it adds to the time of the device, how many jobs, clients and bytes it serves, and how long it
// makes others wait. Service, twin and load are three processes on one machine.
import { tmpdir } from 'node:os';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { wholeNumberOf, type BenchContext } from '../bench.ts';
import { figure, median, type Figure } from '../figure.ts';
import { downloadSpeed, largeResult, medianMBps } from '../service/download.ts';
import { fanOut } from '../service/fan-out.ts';
import { longPolls } from '../service/long-polls.ts';
import { startStand, type Stand } from '../service/stand.ts';
import { overhead, rate } from '../service/tiny-jobs.ts';
import { uploads } from '../service/upload.ts';

export const summary =
  'the service under load (--quick; --jobs N, --seconds N, --mb N, --clients N, --polls N, --uploads N, --data FOLDER, --only uploads)';

const RATE_CLIENTS = 8;
const FAN_OUT_JOBS_PER_S = 10;

interface Sizes {
  jobs: number;
  seconds: number;
  mb: number;
  clients: number;
  polls: number;
  uploads: number;
}
const FULL: Sizes = { jobs: 1000, seconds: 20, mb: 128, clients: 200, polls: 1000, uploads: 8 };
const QUICK: Sizes = { jobs: 100, seconds: 3, mb: 16, clients: 200, polls: 1000, uploads: 2 };

export async function run({ say, options }: BenchContext): Promise<Figure[]> {
  const least = options.includes('--quick') ? QUICK : FULL;
  const sizes = Object.fromEntries(
    Object.entries(least).map(([name, size]) => [name, wholeNumberOf(options, `--${name}`, 2) ?? size]),
  ) as unknown as Sizes;
  const data = options[options.indexOf('--data') + 1];
  const stand = await startStand(options.includes('--data') ? data : tmpdir());
  try {
    const model = await stand.client.uploadModel({ couplings: [0, 0.1, 0.1, 0] });
    const figures: Figure[] = [];
    for (const part of partsFor(options)) {
      say(part.name);
      figures.push(...(await part.run(stand, model, sizes)));
    }
    return figures;
  } finally {
    await stand.close();
  }
}

type Part = { name: string; run(stand: Stand, model: string, sizes: Sizes): Promise<Figure[]> };

const parts: Part[] = [
  { name: 'jobs one after the other', run: overheadFigures },
  { name: 'jobs of several clients', run: rateFigures },
  { name: 'downloads', run: downloadFigures },
  { name: 'events', run: fanOutFigures },
  { name: 'long polls', run: pollFigures },
  { name: 'uploads', run: uploadFigures },
];

/** All of them, or those that `--only` names. */
function partsFor(options: readonly string[]): Part[] {
  const at = options.indexOf('--only');
  if (at < 0) return parts;
  const named = parts.filter(({ name }) => name === options[at + 1]);
  if (named.length > 0) return named;
  throw new Error(`--only takes one of: ${parts.map(({ name }) => name).join(', ')}`);
}

async function overheadFigures(stand: Stand, model: string, { jobs }: Sizes): Promise<Figure[]> {
  const { beyondDevice_ms, device_ms, syncs, sync_ms, cpu_ms } = await overhead(stand, model, jobs);
  const sync = median(sync_ms);
  const perJob = (syncs.commits + syncs.files) / jobs;
  const own_ms = beyondDevice_ms.map((ms) => ms - perJob * sync);
  const note = `beyond the device and ${perJob.toFixed(2)} synced writes of ${sync.toFixed(2)} ms`;
  return [
    figure('overhead_p50_ms', median(own_ms), 'ms', { n: jobs, target: { max: 5 }, note }),
    figure('overhead_p99_ms', quantile(own_ms, 0.99), 'ms', { n: jobs }),
    figure('synced_writes_per_job', perJob, '', { n: jobs, note: `${syncs.commits / jobs} commits` }),
    figure('sync_p50_ms', sync, 'ms', { n: sync_ms.length }),
    figure('device_p50_ms', median(device_ms), 'ms', { n: jobs }),
    figure('cpu_per_job_ms', cpu_ms, 'ms', { n: jobs }),
  ];
}

async function rateFigures(stand: Stand, model: string, { seconds }: Sizes): Promise<Figure[]> {
  const { jobs, perSecond } = await rate(stand, model, { clients: RATE_CLIENTS, seconds });
  return [figure('jobs_per_s', perSecond, '1/s', { n: jobs, note: `${RATE_CLIENTS} clients` })];
}

async function downloadFigures(
  stand: Stand,
  _model: string,
  { mb, uploads: repetitions }: Sizes,
): Promise<Figure[]> {
  const { id } = await largeResult(stand, mb);
  const figures: Figure[] = [];
  for (const format of ['raw', 'npy'] as const) {
    const speed = await downloadSpeed(stand, id, format, repetitions);
    const name = format === 'raw' ? 'download_MBps' : `download_${format}_MBps`;
    const note = `${(speed.bytes / 1e6).toFixed(0)} MB as ${format}`;
    figures.push(figure(name, medianMBps(speed), 'MB/s', { n: repetitions, target: { min: 200 }, note }));
  }
  return figures;
}

async function fanOutFigures(stand: Stand, model: string, { clients, seconds }: Sizes): Promise<Figure[]> {
  const heard = await fanOut(stand, model, { clients, seconds, jobsPerSecond: FAN_OUT_JOBS_PER_S });
  const { lag_ms: lags, slowAfter_s, slowClosedWith } = heard;
  return [
    figure('ws_clients', heard.clients, '', { target: { min: clients } }),
    figure('ws_lag_p50_ms', median(lags), 'ms', { n: lags.length }),
    figure('ws_lag_p99_ms', quantile(lags, 0.99), 'ms', { n: lags.length, target: { max: 50 } }),
    figure('ws_missed', heard.missed, '', { n: lags.length, target: { max: 0 } }),
    figure('ws_slow_closed_with', slowClosedWith ?? NaN, '', {
      target: { min: 4008, max: 4008 },
      note: `after ${slowAfter_s.toFixed(1)} s without reading`,
    }),
  ];
}

async function pollFigures(stand: Stand, model: string, { polls }: Sizes): Promise<Figure[]> {
  const { answered, last_ms, other_ms } = await longPolls(stand, model, polls);
  return [
    figure('long_polls', answered, '', { n: polls, target: { min: polls } }),
    figure('long_polls_last_ms', last_ms, 'ms', { n: polls }),
    figure('long_polls_other_ms', other_ms, 'ms', { note: 'a request of another client while they wait' }),
  ];
}

async function uploadFigures(stand: Stand, _model: string, { uploads: count }: Sizes): Promise<Figure[]> {
  const { delays, upload_ms, start_ms, bytes } = await uploads(stand, count, seededUniform(5));
  const note = `worst of the uploads, ${(bytes / 1e6).toFixed(1)} MB each; the delay of requests that arrive at any moment`;
  return [
    figure('eventloop_p99_ms', Math.max(...delays.map(({ p99_ms }) => p99_ms)), 'ms', {
      n: count,
      target: { max: 20 },
      note,
    }),
    figure('eventloop_cpu_p99_ms', Math.max(...delays.map(({ cpuP99_ms }) => cpuP99_ms)), 'ms', {
      n: count,
      note: 'of the processor time of the main thread, which other processes of the machine do not lengthen',
    }),
    figure('eventloop_cpu_longest_ms', Math.max(...delays.map(({ cpuLongest_ms }) => cpuLongest_ms)), 'ms', {
      n: count,
    }),
    figure('eventloop_longest_ms', Math.max(...delays.map(({ longest_ms }) => longest_ms)), 'ms', {
      n: count,
    }),
    figure('upload_p50_ms', median(upload_ms), 'ms', { n: count }),
    figure('first_job_p50_ms', median(start_ms), 'ms', { n: count }),
  ];
}

/** Upper quantile of a non-empty list. */
function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}
