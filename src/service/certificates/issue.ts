// The certificate of a job: gathered from what is stored about it, signed at the first request, and kept from then on.
import { signCertificate, type CertificateFacts } from '../../certificate/index.ts';
import type { JobResult } from '../../jobs/index.ts';
import type { CalibrationRow, JobRow } from '../../store/index.ts';
import type { ServiceContext } from '../context.ts';
import { toTime, toTimeOrNull } from '../schemas/common.ts';

type Issuer = Pick<ServiceContext, 'store' | 'clock' | 'certificateKeys' | 'version'>;

/**
 * The same text for ever, whatever key and version come later. Null for a job without a result.
 * @throws {StoreError} storage-full when it cannot be kept: then it is not handed out either
 */
export async function certificateOf(issuer: Issuer, job: JobRow): Promise<string | null> {
  const { store, certificateKeys } = issuer;
  const kept = await store.certificates.find(job.id);
  if (kept !== null) return kept.document;
  const result = job.result as unknown as JobResult | null;
  if (job.state !== 'succeeded' || result === null) return null;
  const { calibration: id } = result.provenance;
  const calibration = id === null ? null : await store.calibrations.find(id);
  const issued = { at: toTime(issuer.clock.wall_ms()), serviceVersion: issuer.version };
  const document = signCertificate(
    { ...factsOf(job, result), calibration: calibrationFacts(calibration, job), issued },
    { keyId: certificateKeys.current, sign: (bytes) => certificateKeys.sign(bytes) },
  );
  const row = await store.certificates.add({ jobId: job.id, signingKey: certificateKeys.current, document });
  return row.document;
}

function factsOf(job: JobRow, result: JobResult): Omit<CertificateFacts, 'calibration' | 'issued'> {
  const { provenance, samples, heat } = result;
  return {
    job: {
      id: job.id,
      submittedBy: job.keyId,
      request: job.request,
      attempts: job.attempts.map(({ startedAt_ms, finishedAt_ms, state, cause }) => ({
        startedAt: toTime(startedAt_ms),
        finishedAt: toTimeOrNull(finishedAt_ms),
        state,
        cause,
      })),
      createdAt: toTime(job.createdAt_ms),
      startedAt: toTimeOrNull(job.startedAt_ms),
      finishedAt: toTimeOrNull(job.finishedAt_ms),
    },
    device: {
      id: provenance.device,
      uid: provenance.deviceUid,
      backend: provenance.backend,
      faultsActive: provenance.faultsActive ?? null,
      firmware: provenance.firmware,
      schemaHash: provenance.schemaHash,
      bootId: provenance.bootId,
      clock: provenance.clock ?? null,
    },
    program: {
      model: provenance.model,
      programDigest: provenance.programDigest,
      seed: provenance.seed,
      step_s: provenance.step_s,
      fastMode: provenance.fastMode,
      noiseTemperature_ratio: provenance.noiseTemperature_ratio,
      noiseTemperature_E0: provenance.noiseTemperature_E0,
      ...(provenance.clockScale !== undefined && { clockScale: provenance.clockScale }),
      ...(provenance.roundings !== undefined && {
        roundings: provenance.roundings.map((each) => ({ ...each })),
      }),
    },
    samples: {
      shape: samples.shape,
      dtype: samples.dtype,
      reads: samples.reads,
      stateScale: samples.stateScale,
      digest: samples.blob,
      bytes: samples.bytes,
      wireDigest: samples.wireDigest,
    },
    heat: heat === null ? null : heatFacts(heat),
    heatReason: result.heatReason,
    ...(result.energy_J !== undefined && {
      energy_J: result.energy_J && { ...result.energy_J },
      energyReason: result.energyReason ?? null,
    }),
    ...(result.earlyStop !== undefined && { earlyStop: { ...result.earlyStop } }),
    ...(result.dither !== undefined && { dither: { ...result.dither } }),
    ...(provenance.requirements !== undefined && { requirements: { ...provenance.requirements } }),
    ...(result.pacing !== undefined && { pacing: { ...result.pacing } }),
    timing: result.timing,
  };
}

function heatFacts({ blob, ...summary }: NonNullable<JobResult['heat']>): CertificateFacts['heat'] {
  return { ...summary, digest: blob };
}

function calibrationFacts(row: CalibrationRow | null, job: JobRow): CertificateFacts['calibration'] {
  if (row === null) return null;
  const { finishedAt_ms } = row;
  const { startedAt_ms } = job;
  return {
    id: row.id,
    kind: row.kind,
    deviceUid: row.deviceUid,
    forced: row.forced,
    values: row.values,
    stderr: row.stderr,
    finishedAt: toTimeOrNull(finishedAt_ms),
    age_s: startedAt_ms === null || finishedAt_ms === null ? null : (startedAt_ms - finishedAt_ms) / 1000,
  };
}
