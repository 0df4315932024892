// The loop of the demo, over REST only: model up, noise temperature calibrated, samples drawn and read back.
import type { ThermoloopClient, Resource } from '../../client/client.ts';
import { ClientError } from '../../client/client.ts';
import type { Progress } from '../progress.ts';

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
  calibration: Resource;
  job: Resource;
  /** The file as downloaded: members x [samples][reads][units], time_s, heat_kT. */
  samples: Uint8Array;
}

export async function runLoop(
  client: ThermoloopClient,
  request: LoopRequest,
  progress: Progress,
): Promise<LoopResult> {
  const upload = progress.step('model');
  const digest = await client.uploadModel(request.model);
  upload.end(digest.slice(0, 23));

  const seed = request.seed === null ? {} : { seed: request.seed };
  const calibration = await finish(client, progress, 'calibrate', '/v1/calibrations', {
    kind: 'noise-temperature',
    device: request.deviceId,
    options: { holds: request.holds, units: request.units, ...seed },
  });
  const job = await finish(client, progress, 'relax', '/v1/jobs', {
    mode: 'relax',
    model: digest,
    device: { id: request.deviceId },
    relax: { duration_s: request.duration_s, readAt_s: [request.duration_s], initial: { kind: 'thermal' } },
    samples: { count: request.samples },
    record: { heat: true },
    labels: { made: 'thermoloop demo' },
    ...seed,
  });
  const download = progress.step('download');
  // Without the ids of this run: the same seed gives the same file.
  const samples = await client.download(`/v1/jobs/${job.id}/samples?provenance=none`, 'application/x-npz');
  download.end(`${(samples.byteLength / 1e6).toFixed(1)} MB`);
  return { calibration, job, samples };
}

/** Creates a job or a calibration, shows its progress, and insists that it succeeds. */
async function finish(
  client: ThermoloopClient,
  progress: Progress,
  name: string,
  path: string,
  body: object,
): Promise<Resource> {
  const step = progress.step(name);
  const { id } = await client.json('POST', path, body);
  const ended = await client.wait(
    `${path}/${id}`,
    ({ progress: now }) => now && step.update(now.done, now.total),
  );
  if (ended.state !== 'succeeded') {
    const why = ended.cause ?? ended.state;
    const failure = ended['failure'] as { message?: string; remedy?: string } | null | undefined;
    throw new ClientError(
      { code: String(why), remedy: failure?.remedy ?? '' },
      `${name} ended as ${ended.state} (${why}): ${failure?.message ?? `see ${path}/${ended.id}`}`,
    );
  }
  step.end('done');
  return ended;
}
