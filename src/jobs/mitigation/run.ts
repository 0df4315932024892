// Runs a dithered job: one rounding of the couplings after another, each with its share of the samples, merged in the end.
import { randomBytes } from 'node:crypto';
import type { RelaxResult } from '../../device/index.ts';
import { checkSame, mergeBatches } from '../early-stop/merge.ts';
import { digestOfBatches } from '../early-stop/plan.ts';
import { BatchProgress } from '../early-stop/progress.ts';
import type { ReadyProgram } from '../make-program.ts';
import { kTOfRun_E0, runAtPace, type JobRun, type Piece, type RunParts } from '../one-run.ts';
import type { RoundingRun } from '../request.ts';
import { planRoundings, type PlannedRounding } from './roundings.ts';
import { meansOf, spreadOf, type RoundingMeans } from './spread.ts';

/**
 * While a rounding runs the next one is made. Rejects with what the device said, or with the reason of the signal.
 * @param count roundings
 */
export async function runDithered(parts: RunParts, count: number): Promise<JobRun> {
  const { job, signal } = parts;
  const planned = planRoundings(job.samples.count, count, job.seed, randomBytes(8).readBigUInt64BE());
  const progress = new BatchProgress(parts.onProgress);
  const make = ({ roundingSeed, mirrored }: PlannedRounding): Promise<ReadyProgram> => {
    const ready = parts.makeRounding({ seed: BigInt(roundingSeed), mirrored });
    // Awaited when its turn comes, which a failure before that may prevent.
    ready.catch(() => undefined);
    return ready;
  };
  const pieces: Piece[] = [];
  const runs: RelaxResult[] = [];
  const roundings: RoundingRun[] = [];
  const means: RoundingMeans[] = [];
  let next = make(planned[0]);
  let done = 0;
  for (const [k, { samples, seed, roundingSeed, mirrored }] of planned.entries()) {
    const ready = await next;
    signal.throwIfAborted();
    if (k + 1 < count) next = make(planned[k + 1]);
    const run = await runAtPace(parts, ready, { samples, seed, offset: done }, (offset) =>
      progress.ofBatch(offset, job.samples.count),
    );
    signal.throwIfAborted();
    checkSame(runs[0]?.device ?? run.device, run.device);
    runs.push(run);
    pieces.push({ program: ready.program, run });
    roundings.push({
      ...{ samples, seed: run.seed, roundingSeed, mirrored },
      programDigest: run.programId,
      wireDigest: run.digest,
    });
    done += samples;
    const energies_E0 = await parts.energies.of(ready.program, run, [run.reads.length - 1], signal);
    means.push(meansOf(run, energies_E0, kTOfRun_E0(ready.program, run)));
  }
  const programId = digestOfBatches(roundings.map(({ programDigest }) => programDigest));
  return {
    run: { ...mergeBatches(runs, job.seed), programId },
    pieces,
    earlyStop: null,
    dither: { roundings, observables: spreadOf(means) },
  };
}
