// The runs of several batches as the one run that the job has made. Pure.
import { DeviceError, type RelaxResult } from '../../device/index.ts';
import { digestOfBatches } from './plan.ts';

/**
 * Samples one after another, times and bytes added up, the digest over the digests; all else is that of the first batch.
 * @param seed of the job
 * @throws {DeviceError} link-lost: another chip, or the chip after a reboot, made some of them
 */
export function mergeBatches(runs: readonly RelaxResult[], seed: string | null): RelaxResult {
  const [first] = runs;
  for (const { device } of runs) checkSame(first.device, device);
  const codes = new Int16Array(runs.reduce((length, run) => length + run.codes.length, 0));
  let from = 0;
  for (const run of runs) {
    codes.set(run.codes, from);
    from += run.codes.length;
  }
  const total = (of: (run: RelaxResult) => number): number => runs.reduce((sum, run) => sum + of(run), 0);
  return {
    ...first,
    codes,
    samples: total((run) => run.samples),
    seed,
    digest: digestOfBatches(runs.map((run) => run.digest)),
    timing: {
      ...first.timing,
      upload_s: total((run) => run.timing.upload_s),
      relax_s: total((run) => run.timing.relax_s),
      total_s: total((run) => run.timing.total_s),
      sentBytes: total((run) => run.timing.sentBytes),
    },
  };
}

/** Between batches a chip may have been lost and come back, as another one or without its memory. */
export function checkSame(first: RelaxResult['device'], now: RelaxResult['device']): void {
  if (now.uid === first.uid && now.bootId === first.bootId) return;
  const what = now.uid === first.uid ? 'the device was booted' : 'the device became another one';
  throw new DeviceError('link-lost', `${what} between two batches of the job`);
}
