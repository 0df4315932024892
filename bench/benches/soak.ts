// An hour of loads and runs with one fault a second: no silent corruption, nothing hangs, memory stays flat. Definitions:
// docs/benches.md.
import { sleep, systemClock } from '../../src/clock/clock.ts';
import { openPort } from '../../src/transports/index.ts';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { wholeNumberOf, withStrays, type BenchContext } from '../bench.ts';
import { figure, type Figure } from '../figure.ts';
import type { DeviceConfig, DeviceMemory, DeviceReady } from '../link/device.ts';
import { HelperProcess } from '../link/processes.ts';
import { SMALL_LIMITS, SMALL_UNITS } from '../link-faults/bench-controller.ts';
import { collector, trend, type MemorySample } from '../soak/memory.ts';
import { TroubledPort } from '../soak/troubled-port.ts';
import { trouble, type Trouble } from '../soak/troubles.ts';
import { Workload } from '../soak/workload.ts';

export const summary =
  'loads and runs with a fault a second for an hour (--seconds N, --seed N): corruption, hangs, memory';

const SECONDS = 3600;
const FAULT_EVERY_MS = 1000;
/** Memory is looked at this many times in all. */
const MEMORY_SAMPLES = 120;
/** Fitted growth after the warm-up; a leak of 100 bytes per operation is 4 MB in an hour. */
const HEAP_GROWTH_MAX_MB = 4;
const RSS_GROWTH_MAX_MB = 30;

export async function run({ say, options }: BenchContext): Promise<Figure[]> {
  const duration_s = wholeNumberOf(options, '--seconds', 1) ?? SECONDS;
  const seed = wholeNumberOf(options, '--seed', 1) ?? 1;
  const config: DeviceConfig = { limits: SMALL_LIMITS, seed };
  const device = await HelperProcess.start<DeviceReady>('device.ts', config, ['--expose-gc']);
  try {
    return await withStrays((stray) => soak(device, { duration_s, seed, say, stray }));
  } finally {
    await device.stop();
  }
}

interface SoakOptions {
  duration_s: number;
  seed: number;
  say: (line: string) => void;
  /** Filled with what is thrown outside any promise. */
  stray: string[];
}

async function soak(device: HelperProcess<DeviceReady>, options: SoakOptions): Promise<Figure[]> {
  const { duration_s, seed, say, stray } = options;
  const uniform = seededUniform(seed);
  /** The line that stands, and the one before it. */
  const lines: TroubledPort[] = [];
  let connections = 0;
  const workload = new Workload({
    units: SMALL_UNITS,
    seed,
    newPort: () => {
      const inner = openPort(`tcp://127.0.0.1:${device.ready.port}`);
      connections += 1;
      const port = new TroubledPort(inner, systemClock, seededUniform(seed * 100_000 + connections));
      lines.push(port);
      if (lines.length > 2) lines.shift();
      return port;
    },
  });
  await workload.learn();
  const over = new AbortController();
  const working = workload.run(over.signal);
  const memory = followMemory(device, duration_s, over.signal);
  const counts = new Map<Trouble, number>();
  const start_ms = systemClock.now_ms();
  for (let k = 0; k < Math.floor((duration_s * 1000) / FAULT_EVERY_MS); k += 1) {
    // Anywhere within its second, so that faults fall into every part of an operation.
    await sleepUntil(start_ms + (k + uniform()) * FAULT_EVERY_MS);
    const port = lines.at(-1) ?? null;
    const kind = trouble({ port, old: lines.at(0)?.written ?? [], device }, uniform);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  await sleepUntil(start_ms + duration_s * 1000);
  over.abort();
  await working;
  workload.tally.unnamed.push(...stray);
  tellEndings(say, counts, workload);
  return figures(workload, counts, await memory, duration_s);
}

const sleepUntil = (at_ms: number): Promise<void> =>
  sleep(systemClock, Math.max(0, at_ms - systemClock.now_ms()));

interface Memory {
  host: MemorySample[];
  device: MemorySample[];
}

async function followMemory(
  device: HelperProcess<DeviceReady>,
  duration_s: number,
  signal: AbortSignal,
): Promise<Memory> {
  const collect = collector();
  const memory: Memory = { host: [], device: [] };
  const start_ms = systemClock.now_ms();
  while (!signal.aborted) {
    const at_s = (systemClock.now_ms() - start_ms) / 1000;
    collect();
    const { heapUsed, rss } = process.memoryUsage();
    memory.host.push({ at_s, heap_bytes: heapUsed, rss_bytes: rss });
    memory.device.push({ at_s, ...(await device.ask<DeviceMemory>('memory')) });
    await sleep(systemClock, Math.max(500, (duration_s * 1000) / MEMORY_SAMPLES), signal).catch(
      () => undefined,
    );
  }
  return memory;
}

function tellEndings(say: (line: string) => void, counts: Map<Trouble, number>, { tally }: Workload): void {
  const list = (map: Map<string, number>): string =>
    [...map]
      .sort()
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  say(`faults: ${list(counts)}`);
  say(`operations ${tally.operations}, completed ${tally.completed}, named errors: ${list(tally.errors)}`);
  for (const error of tally.unnamed.slice(0, 5)) say(`unnamed: ${error}`);
}

function figures(
  { tally }: Workload,
  counts: Map<Trouble, number>,
  memory: Memory,
  duration_s: number,
): Figure[] {
  const faults = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const n = tally.operations;
  return [
    figure('duration_s', duration_s, 's'),
    figure('faults', faults, '', { target: { min: Math.floor(duration_s * 0.99) } }),
    figure('operations', n, ''),
    figure('completed', tally.completed, '', { n, target: { min: Math.floor(faults / 4) } }),
    figure(
      'named_errors',
      [...tally.errors.values()].reduce((sum, count) => sum + count, 0),
      '',
      { n },
    ),
    figure('connects', tally.connects, ''),
    figure('wrong_bytes', tally.wrongBytes, 'B', { n, target: { max: 0 } }),
    figure('hung', tally.hung, '', { n, target: { max: 0 } }),
    figure('unnamed_errors', tally.unnamed.length, '', { n, target: { max: 0 } }),
    ...memoryFigures('host', memory.host),
    ...memoryFigures('device', memory.device),
  ];
}

function memoryFigures(who: string, samples: MemorySample[]): Figure[] {
  const heap = trend(samples, 'heap_bytes');
  const rss = trend(samples, 'rss_bytes');
  const { n } = heap;
  return [
    figure(`${who}_heap_start_MB`, heap.start_MB, 'MB'),
    figure(`${who}_heap_slope_MBph`, heap.slope_MBph, 'MB/h', { n }),
    figure(`${who}_heap_growth_MB`, heap.growth_MB, 'MB', { n, target: { max: HEAP_GROWTH_MAX_MB } }),
    figure(`${who}_rss_start_MB`, rss.start_MB, 'MB'),
    figure(`${who}_rss_slope_MBph`, rss.slope_MBph, 'MB/h', { n }),
    figure(`${who}_rss_growth_MB`, rss.growth_MB, 'MB', { n, target: { max: RSS_GROWTH_MAX_MB } }),
  ];
}
