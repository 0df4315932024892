// Runs a job on its device: in one run, with a target in batches until enough is known, or dithered.
import { inSlices } from '../../clock/slices.ts';
import type { RelaxResult } from '../../device/index.ts';
import { relaxRequest } from '../admission.ts';
import { runDithered } from '../mitigation/run.ts';
import { runAtPace, runOne, type JobRun, type RunParts } from '../one-run.ts';
import type { EarlyStop } from '../request.ts';
import { isReached, samplesNeeded } from './ess.ts';
import { checkSame, mergeBatches } from './merge.ts';
import { Observables } from './observables.ts';
import { batchSeed, firstBatch, nextBatch } from './plan.ts';
import { BatchProgress } from './progress.ts';

/** Rejects with what the device said, or with the reason of the signal, in a batch or between two. */
export async function runBatches(parts: RunParts): Promise<JobRun> {
  const { job, ready } = parts;
  if (job.samples.targetEss !== undefined) return runToTarget(parts, job.samples.targetEss);
  if (job.mitigation !== undefined) return runDithered(parts, job.mitigation.dither);
  const { count } = job.samples;
  const progress = new BatchProgress(parts.onProgress);
  const run = await runAtPace(parts, ready, { samples: count, seed: job.seed, offset: 0 }, (offset, size) =>
    size === count ? parts.onProgress : progress.ofBatch(offset, count),
  );
  return { run, pieces: [{ program: ready.program, run }], earlyStop: null, dither: null };
}

async function runToTarget(parts: RunParts, targetEss: number): Promise<JobRun> {
  const { job, ready, energies, clock, pace, signal } = parts;
  const { count } = job.samples;
  const observables = new Observables();
  const progress = new BatchProgress(parts.onProgress);
  const runs: RelaxResult[] = [];
  const batches: EarlyStop['batches'] = [];
  let done = 0;
  let needed = samplesNeeded([], targetEss, 0);
  for (let wanted = firstBatch(targetEss, count); ; wanted = nextBatch(done, needed, count)) {
    const size = await pace.next(wanted);
    signal.throwIfAborted();
    const seed = batchSeed(job.seed, batches.length);
    const expected = Math.min(count, Number.isFinite(needed) ? needed : Math.max(targetEss, size));
    const request = relaxRequest({ ...job, seed, samples: { count: size } }, ready);
    const run = await runOne(parts, request, done, progress.ofBatch(done, Math.ceil(expected)));
    signal.throwIfAborted();
    runs.push(run);
    checkSame(runs[0].device, run.device);
    batches.push({ samples: run.samples, seed: run.seed, wireDigest: run.digest });
    done += run.samples;
    const energies_E0 = await energies.of(ready.program, run, [run.reads.length - 1], signal);
    await inSlices(observables.add(run, energies_E0), clock);
    const found = await inSlices(observables.estimate(), clock);
    const reached = isReached(found, targetEss);
    if (reached || done >= count) {
      const stoppedBy = reached ? 'target' : 'count';
      const earlyStop: EarlyStop = { targetEss, stoppedBy, observables: found, batches };
      const merged = mergeBatches(runs, job.seed);
      return { run: merged, pieces: [{ program: ready.program, run: merged }], earlyStop, dither: null };
    }
    needed = samplesNeeded(found, targetEss, observables.choosing);
  }
}
