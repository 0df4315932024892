// How work gets into the queue: looked at against the device it names, then kept in one commit with what its sender
// writes beside it.
import type { Clock } from '../clock/clock.ts';
import type { CalibrationRow, JobRow, JsonObject, ModelRow, NewJob, Store } from '../store/index.ts';
import {
  checkBackend,
  checkCalibration,
  checkOnline,
  deadlineOf_ms,
  isOnline,
  readRequest,
} from './admission.ts';
import { addBatch, isRefusal } from './batch.ts';
import { NOISE_TEMPERATURE, type CalibrationProcedure } from './calibration-port.ts';
import type { RelaxDevice } from './device-port.ts';
import { scheduleFlaws } from './dry-run/schedule-flaws.ts';
import { JobError } from './errors.ts';
import { checkFaults } from './faults-seen.ts';
import { holdAtAdmission } from './holds/conditions.ts';
import type { ReadyProgram } from './make-program.ts';
import type { Programs } from './programs.ts';
import { LONGEST_HOLD_MS } from './queue/expiry.ts';
import { conditionsOf } from './requirements/conditions.ts';
import { readRequirements } from './requirements/readings.ts';
import type { Required } from './requirements/required.ts';
import { requirementUnmet } from './requirements/unmet.ts';
import { JobPriority, type AdmittedRelaxJob, type RelaxJobRequest } from './request.ts';
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

/** What is known of a job once it has been looked at; null: nothing, because that was refused. */
export interface Examined<D extends RelaxDevice> {
  job: AdmittedRelaxJob;
  device: D | null;
  model: ModelRow | null;
  /** Also null while the device has never answered. */
  ready: ReadyProgram | null;
  deadline_ms: number | null;
  /** What the job requires, and how it is; null: it requires nothing. */
  required: Required | null;
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
    const { job, deadline_ms, required } = await this.#examine(request, (flaw) => {
      throw flaw;
    });
    const now_ms = this.#parts.clock.wall_ms();
    const hold = required && holdAtAdmission(required, now_ms);
    return {
      device: job.device.id,
      model: job.model,
      request: job as unknown as JsonObject,
      priority: JobPriority[job.priority],
      retry: job.retry,
      deadline_ms,
      labels: job.labels,
      keyId: options.keyId,
      id: options.id,
      ...(required !== null && { requirements: required.readings as unknown as JsonObject }),
      ...(hold !== null && {
        hold,
        expiresAt_ms: Math.min(deadline_ms ?? Infinity, now_ms + LONGEST_HOLD_MS),
      }),
    };
  }

  /** The job as it would be kept, and everything that speaks against it; nothing is. */
  async dryRun(request: RelaxJobRequest): Promise<Examined<D> & { flaws: Error[] }> {
    const flaws: Error[] = [];
    const examined = await this.#examine(request, (flaw) => flaws.push(flaw));
    return { ...examined, flaws };
  }

  /**
   * Asks everything that decides whether a job is taken, in this order.
   * @param refuse gets each refusal; whoever throws it ends the questions
   */
  async #examine(request: RelaxJobRequest, refuse: (flaw: Error) => void): Promise<Examined<D>> {
    const { store, clock, programs } = this.#parts;
    const refused = (error: unknown): null => {
      if (!isRefusal(error)) throw error;
      refuse(error);
      return null;
    };
    const asked = <T>(check: () => T): T | null => {
      try {
        return check();
      } catch (error) {
        return refused(error);
      }
    };
    const device = asked(() => this.#device(request.device.id));
    const { job, flaw } = readRequest(request);
    if (flaw !== null) refuse(flaw);
    const deadline_ms = asked(() => deadlineOf_ms(job, clock.wall_ms()));
    const model = await store.models.find(job.model);
    if (model === null) refuse(unknownModel(job.model));
    const known = { job, device, model, deadline_ms };
    if (device === null) return { ...known, ready: null, required: null };
    const mayWait = job.onUnmet !== 'reject';
    if (!mayWait) asked(() => this.#checkStopped(device.id));
    asked(() => checkBackend(job, device));
    if (!mayWait) asked(() => checkOnline(device));
    if (job.onUnmet === 'recalibrate') asked(() => this.#checkRecalibration());
    const required = flaw === null ? await this.#required(job, device) : null;
    const { capabilities } = device;
    if (capabilities === null || model === null) return { ...known, ready: null, required };
    const ready = await programs.of(model, capabilities.ranges).catch(refused);
    if (ready !== null && flaw === null)
      for (const against of scheduleFlaws(job, ready.program, capabilities)) refuse(against);
    if (required?.readings.met === false && !mayWait) refuse(requirementUnmet(required.readings));
    return { ...known, ready, required };
  }

  async #required({ require, onUnmet }: AdmittedRelaxJob, device: D): Promise<Required | null> {
    if (require === undefined) return null;
    const { store, clock } = this.#parts;
    const readings = readRequirements(
      require,
      await conditionsOf(device, store, clock.wall_ms()),
      clock.wall_ms(),
    );
    // Of a job that begins to wait now: no calibration has ended since.
    return { onUnmet, readings, calibrations: { isPending: false, endedAt_ms: null } };
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

  /** @throws JobError unknown-calibration-kind: nobody here can make the calibration that a job would wait for */
  #checkRecalibration(): void {
    const kinds = Object.keys(this.#parts.procedures);
    if (kinds.includes(NOISE_TEMPERATURE)) return;
    throw new JobError('unknown-calibration-kind', `there is no calibration ${NOISE_TEMPERATURE}`, {
      errors: [{ pointer: '/onUnmet', detail: `needs ${NOISE_TEMPERATURE}`, allowed: ['reject', 'wait'] }],
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

function unknownModel(digest: string): JobError {
  return new JobError('unknown-model', `there is no model ${digest}`, {
    errors: [{ pointer: '/model', detail: 'is not known', allowed: 'the digest of an uploaded model' }],
  });
}
