// What is there now, topic by topic, as the first thing that a subscriber gets.
import { FINAL_JOB_STATES, JobState, type CalibrationState } from '../../store/index.ts';
import type { ServiceContext } from '../context.ts';
import { calibrationView } from '../schemas/calibrations.ts';
import { deviceView } from '../schemas/devices.ts';
import { driftNowView } from '../schemas/drift.ts';
import { publishedJobView } from '../schemas/jobs.ts';
import { latestView } from '../schemas/telemetry.ts';
import type { LiveClient, Subscription } from './client.ts';
import { linkStatsView } from './link-stats.ts';
import type { Topic } from './messages.ts';
import type { SampleStreams } from './sample-streams.ts';
import type { SnapshotMessage } from './server-messages.ts';

/** Elements that an event of drift names; GET /v1/devices/{id}/drift has more. */
export const DRIFT_TOP = 5;
/** The oldest ones of a longer queue; GET /v1/jobs has the others. */
const ROWS_MAX = 500;

const openJobs = Object.values(JobState).filter((state) => !FINAL_JOB_STATES.includes(state));
const openCalibrations: readonly CalibrationState[] = ['queued', 'running'];

type Parts = Pick<ServiceContext, 'store' | 'runner' | 'devices' | 'controls' | 'clock'> & {
  streams: SampleStreams;
};

/** @param seq number of the last event before the state is read */
export async function snapshotOf(
  parts: Parts,
  client: LiveClient,
  topic: Topic,
  filter: Subscription,
  seq: number,
): Promise<SnapshotMessage> {
  const { store, runner, devices, streams } = parts;
  const of = [...devices.values()].filter(({ id }) => filter.device === null || filter.device === id);
  const page = {
    limit: ROWS_MAX,
    order: 'oldest-first' as const,
    ...(filter.device !== null && { device: filter.device }),
  };
  const base = { type: 'snapshot' as const, seq };
  switch (topic) {
    case 'job.*': {
      const keyId = client.identity.scopes.has('job:read:all') ? undefined : client.identity.keyId;
      const rows =
        filter.job === null
          ? await store.jobs.list({ ...page, state: openJobs, keyId })
          : [await store.jobs.find(filter.job)].filter((row) => row !== null);
      const visible = rows.filter((row) => client.mayHear('job.*', row.keyId));
      return {
        ...base,
        topic,
        state: visible.map((row) => publishedJobView(runner.withProgress(row), devices)),
      };
    }
    case 'calibration.*': {
      const lists = await Promise.all(
        openCalibrations.map((state) => store.calibrations.list({ ...page, state })),
      );
      return { ...base, topic, state: lists.flat().map((row) => calibrationView(runner.withProgress(row))) };
    }
    case 'drift': {
      const now_ms = parts.clock.wall_ms();
      const states = of.map(({ id }) => ({ device: id, drift: runner.drift(id) }));
      return {
        ...base,
        topic,
        state: states.flatMap(({ device, drift }) =>
          drift === null ? [] : [{ device, drift: driftNowView(drift, now_ms, DRIFT_TOP) }],
        ),
      };
    }
    case 'device.state':
      return {
        ...base,
        topic,
        state: of.map((device) => deviceView(device, null, parts.controls.of(device.id))),
      };
    case 'link.stats': {
      const stats = of.map((device) => {
        const counters = device.counters?.();
        return counters === undefined ? null : linkStatsView(device.id, counters);
      });
      return { ...base, topic, state: stats.filter((one) => one !== null) };
    }
    case 'telemetry':
      return {
        ...base,
        topic,
        state: of.map((device) => ({ device: device.id, telemetry: latestView(device) })),
      };
    case 'job.samples':
      return { ...base, topic, state: streams.views(client, filter) };
  }
}
