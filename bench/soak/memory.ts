// Is memory flat? Samples after a full collection, their start, and the slope of a line through those after the warm-up.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface MemorySample {
  at_s: number;
  heap_bytes: number;
  rss_bytes: number;
}

export interface MemoryTrend {
  start_MB: number;
  /** Growth over the time after the warm-up, by the fitted line. */
  growth_MB: number;
  slope_MBph: number;
  n: number;
}

/** A function that collects all garbage, whatever the flags this process was started with. */
export function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** The first share of the samples belongs to caches that fill and code that is compiled. */
export const WARM_UP_SHARE = 0.25;

export function trend(samples: readonly MemorySample[], which: 'heap_bytes' | 'rss_bytes'): MemoryTrend {
  const settled = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
  const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  const at_s = settled.map((sample) => sample.at_s);
  const value_MB = settled.map((sample) => sample[which] / 1e6);
  const [meanAt, meanValue] = [mean(at_s), mean(value_MB)];
  const covariance = mean(at_s.map((at, k) => (at - meanAt) * (value_MB[k] - meanValue)));
  const variance = mean(at_s.map((at) => (at - meanAt) ** 2));
  const slope_MBps = variance > 0 ? covariance / variance : 0;
  const span_s = settled.length > 0 ? at_s[at_s.length - 1] - at_s[0] : 0;
  return {
    start_MB: (samples.at(0)?.[which] ?? NaN) / 1e6,
    growth_MB: slope_MBps * span_s,
    slope_MBph: slope_MBps * 3600,
    n: settled.length,
  };
}
