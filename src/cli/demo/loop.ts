// The loop of the demo, over REST only: model up, noise temperature calibrated, samples drawn and read back.
import type { Calibration, Job, ThermoloopClient } from '../../client/index.ts';
import type { Progress, Step } from '../progress.ts';

export interface LoopRequest {
  deviceId: string;
  /** The model as .npz. */
  model: Uint8Array;
  samples: number;
  /** t_f in device seconds. */
  duration_s: number;
  /** Restarts of the noise temperature's hold. */
  holds: number;
  units: number;
  /** Null on a chip, which refuses seeds. */
  seed: number | null;
}

export interface LoopResult {
  calibration: Calibration;
  job: Job;
  /** The file as downloaded: members x [samples][reads][units], time_s, heat_kT. */
  samples: Uint8Array;
}

export async function runLoop(
  client: ThermoloopClient,
  request: LoopRequest,
  progress: Progress,
): Promise<LoopResult> {
  const model = await shown(
    progress,
    'model',
    () => client.uploadModel(request.model),
    (digest) => digest.slice(0, 23),
  );
  const seed = request.seed === null ? {} : { seed: request.seed };
  const { deviceId: id, duration_s } = request;
  const calibration = await shown(progress, 'calibrate', (step) =>
    client.calibrate(
      {
        device: id,
        kind: 'noise-temperature',
        options: { holds: request.holds, units: request.units, ...seed },
      },
      { onProgress: ({ done, total }) => step.update(done, total) },
    ),
  );
  const job = await shown(progress, 'relax', (step) =>
    client.runJob(
      {
        mode: 'relax',
        model,
        device: { id },
        relax: { duration_s, readAt_s: [duration_s], initial: { kind: 'thermal' } },
        samples: { count: request.samples },
        record: { heat: true },
        labels: { made: 'thermoloop demo' },
        ...seed,
      },
      { onProgress: ({ done, total }) => step.update(done, total) },
    ),
  );
  const samples = await shown(
    progress,
    'download',
    // Without the ids of this run: the same seed gives the same file.
    () => client.download(`/v1/jobs/${job.id}/samples?provenance=none`, 'application/x-npz'),
    ({ byteLength }) => `${(byteLength / 1e6).toFixed(1)} MB`,
  );
  return { calibration, job, samples };
}

/** Does one step, and shows it. */
async function shown<T>(
  progress: Progress,
  name: string,
  work: (step: Step) => Promise<T>,
  tell: (result: T) => string = () => 'done',
): Promise<T> {
  const step = progress.step(name);
  const result = await work(step);
  step.end(tell(result));
  return result;
}
