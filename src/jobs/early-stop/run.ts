// Runs a job on its device: in one run, or with a target in batches until enough is known.
import type { Clock } from '../../clock/clock.ts';
import { inSlices } from '../../clock/slices.ts';
import type { RelaxResult } from '../../device/index.ts';
import { relaxRequest } from '../admission.ts';
import type { RelaxDevice } from '../device-port.ts';
import type { HeldTime } from '../held-time.ts';
import type { ReadyProgram } from '../make-program.ts';
import type { AdmittedRelaxJob, EarlyStop } from '../request.ts';
import type { SampleEnergies } from '../sample-energies.ts';
import type { SampleSource, SampleTap } from '../sample-tap.ts';
import { isReached, samplesNeeded } from './ess.ts';
import { checkSame, mergeBatches } from './merge.ts';
import { Observables } from './observables.ts';
import { batchSeed, firstBatch, nextBatch } from './plan.ts';
import { BatchProgress } from './progress.ts';

export interface Batches {
  device: Pick<RelaxDevice, 'relax'>;
  deviceTime: Pick<HeldTime, 'during'>;
  clock: Pick<Clock, 'now_ms'>;
  samples: Pick<SampleTap, 'options'>;
  source: SampleSource;
  job: AdmittedRelaxJob;
  ready: ReadyProgram;
  energies: Pick<SampleEnergies, 'of'>;
  signal: AbortSignal;
  onProgress: NonNullable<Parameters<RelaxDevice['relax']>[1]['onProgress']>;
}

export interface BatchedRun {
  run: RelaxResult;
  /** Null for a job without a target. */
  earlyStop: EarlyStop | null;
}

/** Rejects with what the device said, or with the reason of the signal, in a batch or between two. */
export async function runBatches(parts: Batches): Promise<BatchedRun> {
  const { job, ready } = parts;
  if (job.samples.targetEss !== undefined) return runToTarget(parts, job.samples.targetEss);
  const { onProgress } = parts;
  const run = await runOne(parts, relaxRequest(job, ready), 0, onProgress);
  return { run, earlyStop: null };
}

async function runToTarget(parts: Batches, targetEss: number): Promise<BatchedRun> {
  const { job, ready, energies, clock, signal } = parts;
  const { count } = job.samples;
  const observables = new Observables();
  const progress = new BatchProgress(parts.onProgress);
  const runs: RelaxResult[] = [];
  const batches: EarlyStop['batches'] = [];
  let done = 0;
  let needed = samplesNeeded([], targetEss, 0);
  for (let size = firstBatch(targetEss, count); ; size = nextBatch(done, needed, count)) {
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
      return { run: mergeBatches(runs, job.seed), earlyStop };
    }
    needed = samplesNeeded(found, targetEss, observables.choosing);
  }
}

function runOne(
  { device, deviceTime, samples, source, signal }: Batches,
  request: Parameters<RelaxDevice['relax']>[0],
  offset: number,
  onProgress: Batches['onProgress'],
): Promise<RelaxResult> {
  return deviceTime.during(() =>
    device.relax(request, { signal, onProgress, ...samples.options(source, offset) }),
  );
}
