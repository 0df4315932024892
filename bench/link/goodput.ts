// Goodput and the time of a load on a limited line (decisions.md 35): the steady rate of image bytes between the first and
// the last CHUNK, over what a raw pipe carried on the same line in the same run.
import { standardErrorOf } from '../figure.ts';
import { randomImage } from './images.ts';
import type { LimitedLink } from './limited-link.ts';

export interface Goodput {
  /** Of the rate of the raw pipe. */
  ratio: number;
  /** Standard error over loads; 0 for one load. */
  spread: number;
  loads: number;
  bytes: number;
  /** Time of each load from the call to STAGED. */
  load_s: number[];
}

export interface GoodputOptions {
  units: number;
  /** Image bytes in all, at least. */
  total_bytes: number;
  /** How long the raw pipe is measured, before and after. */
  raw_s: number;
  seed: number;
}

export async function goodput(limited: LimitedLink, options: GoodputOptions): Promise<Goodput> {
  const { units, total_bytes, raw_s, seed } = options;
  const before_Bps = await limited.rawRate_Bps(raw_s);
  const rates_Bps: number[] = [];
  const load_s: number[] = [];
  let [steady_s, steady_bytes] = [0, 0];
  while (steady_bytes < total_bytes) {
    const time = await limited.load(randomImage(units, seed * 10_000 + load_s.length), units);
    steady_s += time.steady_s;
    steady_bytes += time.steady_bytes;
    rates_Bps.push(time.steady_bytes / time.steady_s);
    load_s.push(time.whole_s);
  }
  const raw_Bps = (before_Bps + (await limited.rawRate_Bps(raw_s))) / 2;
  return {
    ratio: steady_bytes / steady_s / raw_Bps,
    spread: standardErrorOf(rates_Bps) / raw_Bps,
    loads: load_s.length,
    bytes: steady_bytes,
    load_s,
  };
}
