// Puts the watch over drift together with a runner: its store and clocks, its queue of calibrations, and who listens to it.
import { randomBytes } from 'node:crypto';
import type { RelaxDevice } from '../device-port.ts';
import type { EventHub } from '../hub.ts';
import type { JobRunner, JobRunnerOptions } from '../runner-port.ts';
import { isAtDailyLimit } from './daily-limit.ts';
import { Sentinels } from './sentinels.ts';
import { SENTINEL_DEFAULTS } from './types.ts';

/** One of a kind that has not ended is enough. */
const OPEN = ['queued', 'running'] as const;

export function sentinelsFor<D extends RelaxDevice>(
  options: JobRunnerOptions<D>,
  hub: EventHub,
  runner: Pick<JobRunner, 'submitCalibration' | 'calibrationKinds'>,
): Sentinels<D> | null {
  const { store, clock, sentinels } = options;
  if (sentinels === undefined) return null;
  const settings = { ...SENTINEL_DEFAULTS, ...sentinels };
  return new Sentinels<D>({
    store,
    clock,
    settings,
    deviceClock: options.deviceClock ?? clock,
    seed: options.seed ?? (() => randomBytes(8).readBigUInt64LE()),
    kinds: runner.calibrationKinds,
    async calibrate(device, kind) {
      for (const state of OPEN) {
        const there = await store.calibrations.list({ device, state });
        if (there.some((row) => row.kind === kind)) return;
      }
      const limit = settings.recalibrationsPerDay;
      if (await isAtDailyLimit(store, device, clock.wall_ms(), limit))
        throw new Error(
          `${limit} calibrations after drift in 24 hours are enough: look at the device, or raise THERMOLOOP_RECALIBRATIONS_PER_DAY`,
        );
      await runner.submitCalibration({ kind, device });
    },
    onRound: (device, drift) => hub.emit({ type: 'drift.round', device, drift }),
    onEvent: (event) => hub.emit({ type: 'drift.event', device: event.device, event }),
    onLog: (...line) => options.onLog?.(...line),
  });
}
