// How work gets into the queue: looked at against the device it names, then kept in one commit with what its sender
// writes beside it.
import type { Clock } from '../clock/clock.ts';
import type { CalibrationRow, JobRow, JsonObject, NewJob, Store } from '../store/index.ts';
import {
  checkCalibration,
  checkDevice,
  checkOnline,
  checkSchedule,
  deadlineOf_ms,
  isOnline,
  normalise,
} from './admission.ts';
import { addBatch } from './batch.ts';
import type { CalibrationProcedure } from './calibration-port.ts';
import type { RelaxDevice } from './device-port.ts';
import { JobError } from './errors.ts';
import { checkFaults } from './faults-seen.ts';
import type { Programs } from './programs.ts';
import { JobPriority, type RelaxJobRequest } from './request.ts';
import type {
  BatchItem,
  BatchOptions,
  CalibrationRequest,
  JobRunnerOptions,
  SubmitOptions,
} from './runner-port.ts';

export interface SubmissionParts<D extends RelaxDevice> {
  store: Store;
  clock: Clock;
  devices: ReadonlyMap<string, D>;
  programs: Programs;
  procedures: Readonly<Record<string, CalibrationProcedure<D>>>;
  controls?: JobRunnerOptions<D>['controls'];
}

export class Submission<D extends RelaxDevice> {
  readonly #parts: SubmissionParts<D>;

  constructor(parts: SubmissionParts<D>) {
    this.#parts = parts;
  }

  async job(request: RelaxJobRequest, options: SubmitOptions<JobRow>): Promise<JobRow> {
    const admitted = await this.#admit(request, options);
    return this.#parts.store.transaction(async (tx) => {
      const added = await tx.jobs.add(admitted);
      await options.alongside?.(tx, added);
      return added;
    });
  }

  /** Each by itself; those that pass in one commit. */
  batch(items: readonly (BatchItem | Error)[], options: BatchOptions): Promise<(JobRow | Error)[]> {
    return addBatch(this.#parts.store, items, (...asked) => this.#admit(...asked), options);
  }

  /** The row of a job that its device can take; rejects with the refusal. */
  async #admit(request: RelaxJobRequest, options: SubmitOptions<JobRow>): Promise<NewJob> {
    const { store, clock, programs } = this.#parts;
    const device = this.#device(request.device.id);
    const job = normalise(request);
    const deadline_ms = deadlineOf_ms(job, clock.wall_ms());
    const model = await store.models.find(job.model);
    if (model === null)
      throw new JobError('unknown-model', `there is no model ${job.model}`, {
        errors: [{ pointer: '/model', detail: 'is not known', allowed: 'the digest of an uploaded model' }],
      });
    if (job.onUnmet === 'reject') this.#checkStopped(device.id);
    checkDevice(job, device);
    if (device.capabilities !== null)
      checkSchedule(job, await programs.of(model, device.capabilities.ranges), device.capabilities);
    return {
      device: device.id,
      model: job.model,
      request: job as unknown as JsonObject,
      priority: JobPriority[job.priority],
      retry: job.retry,
      deadline_ms,
      labels: job.labels,
      keyId: options.keyId,
      id: options.id,
    };
  }

  async calibration(
    request: CalibrationRequest,
    options: SubmitOptions<CalibrationRow>,
  ): Promise<CalibrationRow> {
    const { store, procedures } = this.#parts;
    const device = this.#device(request.device);
    if (!Object.hasOwn(procedures, request.kind))
      throw new JobError('unknown-calibration-kind', `there is no calibration ${request.kind}`, {
        errors: [{ pointer: '/kind', detail: 'is not known', allowed: Object.keys(procedures) }],
      });
    const forced = request.force === true;
    if (request.onUnmet !== 'wait') {
      this.#checkStopped(device.id);
      checkOnline(device);
    }
    if (isOnline(device)) checkFaults({ any: device.faultsActive }, device.id, forced);
    checkCalibration(procedures[request.kind], device, request.options ?? {});
    return store.transaction(async (tx) => {
      const added = await tx.calibrations.add({
        kind: request.kind,
        device: device.id,
        options: request.options ?? {},
        forced,
        priority: JobPriority.normal,
        keyId: options.keyId,
        id: options.id,
      });
      await options.alongside?.(tx, added);
      return added;
    });
  }

  /** @throws JobError device-stopped: only a person lets it go on, so nobody waits for it unless he says so */
  #checkStopped(device: string): void {
    const hold = this.#parts.controls?.holdFor(device, null) ?? null;
    if (hold?.reason === 'device-stopped') throw new JobError('device-stopped', hold.detail);
  }

  #device(id: string): D {
    const { devices } = this.#parts;
    const device = devices.get(id);
    if (device !== undefined) return device;
    throw new JobError('unknown-device', `there is no device ${id}`, {
      errors: [{ pointer: '/device/id', detail: 'is not known', allowed: [...devices.keys()] }],
    });
  }
}
