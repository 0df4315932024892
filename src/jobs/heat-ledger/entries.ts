// The entries of the heat ledger that belong to the end of an attempt. Pure.
import type { JobRow, NewHeatEntry } from '../../store/index.ts';
import type { EarlyStop, JobResult } from '../request.ts';
import type { AttemptEnergy } from './meter.ts';

/** An attempt of a process that is gone, and took what it had measured with it. */
export function unmetered(job: JobRow, to_ms: number): AttemptEnergy {
  const from_ms = job.attempts.at(-1)?.startedAt_ms ?? to_ms;
  return {
    from_ms,
    to_ms: Math.max(from_ms, to_ms),
    backend: null,
    energy_J: null,
    reason: 'the service that ran the attempt ended before it could read the meters again',
    own: [],
  };
}

/**
 * The attempt, and before it what the device used for itself since the one before.
 * @param ended state of the attempt
 * @param result null where it has none
 */
export function heatEntries(
  job: Pick<JobRow, 'id' | 'device' | 'keyId' | 'attempts'>,
  ended: string,
  energy: AttemptEnergy,
  result: JobResult | null,
): NewHeatEntry[] {
  const { own, backend } = energy;
  const ofDevice = own.map((stretch): NewHeatEntry => ({ ...OWN, ...stretch, device: job.device, backend }));
  const heat = result?.heat ?? null;
  return [
    ...ofDevice,
    {
      device: job.device,
      backend: result?.provenance.backend ?? backend,
      jobId: job.id,
      attempt: job.attempts.length,
      keyId: job.keyId,
      ended,
      from_ms: energy.from_ms,
      to_ms: energy.to_ms,
      samples: result?.samples.shape[0] ?? 0,
      effectiveSamples: effectiveSamples(result?.earlyStop),
      energy_J: energy.energy_J,
      energyReason: energy.reason,
      released_kT: heat?.released_kT ?? null,
      absorbed_kT: heat?.absorbed_kT ?? null,
      heatReason: result === null ? 'the attempt has no samples' : result.heatReason,
      calibration: result?.provenance.calibration ?? null,
    },
  ];
}

const OWN = {
  jobId: null,
  attempt: null,
  keyId: null,
  ended: null,
  samples: 0,
  effectiveSamples: null,
  energyReason: null,
  released_kT: null,
  absorbed_kT: null,
  heatReason: null,
  calibration: null,
} as const;

/** That of the observable that knows least; null where one is not to be believed, or nothing was measured. */
export function effectiveSamples(stop: EarlyStop | undefined): number | null {
  const moving = stop?.observables.filter(({ quality }) => quality !== 'constant') ?? [];
  const sizes = moving.map(({ ess, quality }) => (quality === 'trusted' ? ess : null));
  if (sizes.length === 0 || sizes.some((ess) => ess === null)) return null;
  return Math.min(...(sizes as number[]));
}
