// One run of the device for a job, and what a job's runs come to together.
import type { Clock } from '../clock/clock.ts';
import { relaxRequest } from './admission.ts';
import { checkSame, mergeBatches } from './early-stop/merge.ts';
import { partSeed } from './early-stop/plan.ts';
import type { Pace } from './pacing/pace.ts';
import type { RelaxRequest, RelaxResult } from '../device/index.ts';
import type { QuantisedProgram, Rounding } from '../physics/index.ts';
import type { RelaxDevice } from './device-port.ts';
import type { HeldTime } from './held-time.ts';
import type { ReadyProgram } from './make-program.ts';
import type { AdmittedRelaxJob, Dither, EarlyStop } from './request.ts';
import type { SampleEnergies } from './sample-energies.ts';
import type { SampleSource, SampleTap } from './sample-tap.ts';

/** What the runs of a job take. */
export interface RunParts {
  device: Pick<RelaxDevice, 'relax'>;
  deviceTime: Pick<HeldTime, 'during'>;
  clock: Pick<Clock, 'now_ms'>;
  samples: Pick<SampleTap, 'options'>;
  source: SampleSource;
  job: AdmittedRelaxJob;
  ready: ReadyProgram;
  /** Makes the program of one rounding of a dithered job. */
  makeRounding(rounding: Rounding): Promise<ReadyProgram>;
  energies: Pick<SampleEnergies, 'of'>;
  pace: Pick<Pace, 'next' | 'ran'>;
  signal: AbortSignal;
  onProgress: NonNullable<Parameters<RelaxDevice['relax']>[1]['onProgress']>;
}

/** Samples that one program made. */
export interface Piece {
  program: QuantisedProgram;
  run: RelaxResult;
}

export interface JobRun {
  /** All samples. */
  run: RelaxResult;
  /** The same by program, in order. */
  pieces: Piece[];
  /** Null for a job without a target. */
  earlyStop: EarlyStop | null;
  /** Null for a job that is not dithered. */
  dither: Dither | null;
}

/** @param offset samples of the job before this run */
export async function runOne(
  { device, deviceTime, samples, source, pace, signal }: RunParts,
  request: RelaxRequest,
  offset: number,
  onProgress: RunParts['onProgress'],
): Promise<RelaxResult> {
  const run = await deviceTime.during(() =>
    device.relax(request, { signal, onProgress, ...samples.options(source, offset) }),
  );
  pace.ran(run);
  return run;
}

/**
 * Samples of one program: in one run, or in as many as the heat of the device asks for, as one.
 * @param progressAt whom to tell of a run that begins at this sample of the job and has so many
 */
export async function runAtPace(
  parts: RunParts,
  ready: ReadyProgram,
  { samples, seed, offset }: { samples: number; seed: string | null; offset: number },
  progressAt: (offset: number, size: number) => RunParts['onProgress'],
): Promise<RelaxResult> {
  const { job, pace, signal } = parts;
  const runs: RelaxResult[] = [];
  for (let done = 0; done < samples;) {
    const size = await pace.next(samples - done);
    signal.throwIfAborted();
    const part = { ...job, seed: partSeed(seed, runs.length), samples: { count: size } };
    const from = offset + done;
    const run = await runOne(parts, relaxRequest(part, ready), from, progressAt(from, size));
    runs.push(run);
    checkSame(runs[0].device, run.device);
    done += size;
  }
  return runs.length === 1 ? runs[0] : mergeBatches(runs, seed);
}

/** kT that was set for a run, not of its program, in E0 (docs/physics.md, heat). */
export function kTOfRun_E0(
  { noiseTemperatureCode, scale }: QuantisedProgram,
  { noiseTemperature_ratio }: Pick<RelaxResult, 'noiseTemperature_ratio'>,
): number {
  return noiseTemperatureCode * scale.noiseTemperature_E0 * noiseTemperature_ratio;
}
