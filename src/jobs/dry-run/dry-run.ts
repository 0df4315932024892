// What would become of a job, were it submitted now: every flaw, what rounding costs, how long the device and the line would
// be busy with it, and when its turn would come. Nothing is kept, and no byte of it is loaded.
import { planRelax } from '../../device/index.ts';
import type { PhysicsError } from '../../physics/index.ts';
import type { Store } from '../../store/index.ts';
import { largestRun } from '../admission.ts';
import type { RelaxDevice } from '../device-port.ts';
import { Surroundings, type SurroundingsOptions } from '../holds/world.ts';
import type { Programs } from '../programs.ts';
import type { Examined } from '../submission.ts';
import type { DryRun } from './answer.ts';
import { holdsOf } from './holds.ts';
import { forecastQueue, type QueueForecastParts } from './queue-forecast.ts';

export interface DryRunParts {
  store: Pick<Store, 'jobs' | 'calibrations'> & SurroundingsOptions['store'];
  programs: Programs;
  clock: SurroundingsOptions['clock'];
  controls: SurroundingsOptions['controls'];
  progressOf: QueueForecastParts['progressOf'];
}

/** @param keyId whose job it would be */
export async function dryRun<D extends RelaxDevice>(
  parts: DryRunParts,
  examined: Examined<D> & { flaws: Error[] },
  keyId: string | null,
): Promise<DryRun> {
  const { job, device, model } = examined;
  const ranges = device?.capabilities?.ranges;
  const measured =
    model === null || ranges === undefined ? null : await parts.programs.measure(model, ranges);
  const { clock, controls, store, progressOf } = parts;
  const look = device === null ? null : new Surroundings({ device, clock, controls, store }).look();
  const holds = look === null ? [] : await holdsOf(look, job, keyId);
  const queueParts = { store, progressOf, now_ms: clock.wall_ms() };
  return {
    job,
    flaws: withAll(examined.flaws, measured?.flaws ?? []),
    rounding: measured?.blocks ?? null,
    schedule: scheduleOf(examined),
    ...(await uploadOf(examined, parts.programs)),
    queue: device === null ? null : await forecastQueue(queueParts, job, holds),
    holds,
  };
}

/** A submission names the first block that does not fit; the others come behind it. */
function withAll(flaws: readonly Error[], ofModel: readonly PhysicsError[]): Error[] {
  const told = new Set(flaws.map(({ message }) => message));
  return [...flaws, ...ofModel.filter(({ message }) => !told.has(message))];
}

function scheduleOf({ job, device, ready, flaws }: Examined<RelaxDevice> & { flaws: Error[] }) {
  const capabilities = device?.capabilities ?? null;
  if (ready === null || capabilities === null) return null;
  try {
    const plan = planRelax(largestRun(job, ready), capabilities);
    const { count } = job.samples;
    const perSample_s = plan.phases.reduce((sum, { duration_ns }) => sum + duration_ns, 0) / 1e9;
    return {
      samples: count,
      reads: plan.reads.length,
      perSample_s,
      total_s: count * perSample_s,
      step_s: plan.step_ns / 1e9,
      noiseTemperature_ratio: plan.noiseTemperature_ratio,
      sampleBytes: count * plan.recordBytes,
    };
  } catch (error) {
    // It is among the flaws.
    if (flaws.length > 0) return null;
    throw error;
  }
}

async function uploadOf(
  { job, device, model, ready }: Examined<RelaxDevice>,
  programs: Programs,
): Promise<Pick<DryRun, 'upload' | 'uploadReason'>> {
  const unknown = (uploadReason: string) => ({ upload: null, uploadReason });
  const ranges = device?.capabilities?.ranges;
  if (ready === null || model === null || ranges === undefined)
    return unknown('there is no program of it for this device');
  const { mitigation, clock } = job;
  if (mitigation !== undefined)
    return unknown(
      `each of the ${mitigation.dither} roundings is sent by itself, with an image of ${ready.image.bytes.length} bytes`,
    );
  const { image } = clock === undefined ? ready : await programs.of(model, ranges, clock.scale);
  if (device?.forecastLoad === undefined) return unknown('the device does not tell what it holds');
  try {
    const upload = await device.forecastLoad(image);
    return upload === null
      ? unknown('the device is away, or another host drives it: what it holds is not known here')
      : { upload, uploadReason: null };
  } catch (error) {
    return unknown(`the device did not tell what it holds: ${(error as Error).message}`);
  }
}
