// Drives a run: asks the core for batches of samples, packs them into records, keeps them in the ring, and hands out what
// is to be sent. Everything it decides is decided by run-machine.ts; this is the shell around it.
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { CoreRefusal } from '../chip/analog-core.ts';
import { Code, Detail, RunPhase } from '../../src/link/messages/index.ts';
import type { RunAccepted, RunState, Status, StreamCredit } from '../../src/link/messages/index.ts';
import type { CoreGate } from './core-gate.ts';
import { packCodes, packedBytes } from './packing.ts';
import { isEnded, isLive, stepRun } from './run-machine.ts';
import type { RunAction, RunInput, RunMachine } from './run-machine.ts';
import { SampleRing } from './sample-ring.ts';
import type { SampleSlice } from './sample-ring.ts';
import type { RunPlan } from './schedule.ts';
import { OK_STATUS, statusOf, statusOfCoreRefusal } from './status.ts';

/** The core works on groups of 8 replicas; batches are whole groups as long as samples are left. */
const GROUP_SAMPLES = 8;
const BATCH_SAMPLES_MAX = 64;
const RUN_MAX = 0xffff;

export interface RunEngineOptions {
  gate: CoreGate;
  ringBytes: number;
  /** A state worth an event: the run ended, or stands in safe hold. */
  announce(state: RunState): void;
  /** There may be something to send. */
  wake(): void;
}

/** A slice of the current run; `last`: nothing follows it. */
export interface RunSlice extends SampleSlice {
  run: number;
  last: boolean;
}

interface Job {
  readonly run: number;
  readonly plan: RunPlan;
  readonly ring: SampleRing;
  readonly hash: Hash;
  digest: Uint8Array;
  nextSample: number;
  batch: AbortController | null;
}

export class RunEngine {
  readonly #options: RunEngineOptions;
  #machine: RunMachine = { phase: 'idle' };
  #job: Job | null = null;
  #lastRun = 0;
  /** Kept beyond AckRun: a repeated StartRun must not start the same run again. */
  #lastAccepted: { token: bigint; reply: RunAccepted } | null = null;

  constructor(options: RunEngineOptions) {
    this.#options = options;
  }

  get live(): boolean {
    return isLive(this.#machine);
  }
  /** The analog core stands still because the host does. */
  get inSafeHold(): boolean {
    return this.#machine.phase === 'paused' && this.#machine.why === 'host-silent';
  }
  get fieldsInUse(): readonly string[] {
    return this.live && this.#job !== null ? this.#job.plan.fieldIds : [];
  }
  get run(): number {
    return this.#job?.run ?? 0;
  }
  get producedBytes(): number {
    return this.#job?.ring.producedTo ?? 0;
  }

  /** The answer that a run token already got. */
  acceptedFor(token: bigint): RunAccepted | null {
    return this.#lastAccepted?.token === token ? this.#lastAccepted.reply : null;
  }

  /** Starts a checked plan; the caller has seen that no run is live. An ended run nobody acknowledged is given up. */
  start(plan: RunPlan, hostWindowBytes: number): RunAccepted {
    this.#lastRun = (this.#lastRun % RUN_MAX) + 1;
    const run = this.#lastRun;
    this.#job = {
      run,
      plan,
      ring: new SampleRing(Math.min(this.#options.ringBytes, plan.totalBytes), hostWindowBytes),
      hash: createHash('sha256'),
      digest: new Uint8Array(0),
      nextSample: 0,
      batch: null,
    };
    const { recordBytes, totalBytes } = plan;
    // The time a twin takes depends on the machine: 0 says that it is not known.
    const reply = { run, recordBytes, totalBytes: BigInt(totalBytes), estMs: 0 };
    this.#lastAccepted = { token: plan.token, reply };
    this.#input({ type: 'start', run });
    return reply;
  }

  /** 0 means whatever runs. Naming a run that does not run any more is fine: that state is what was asked for. */
  stop(run: number): void {
    if (run !== 0 && run !== this.run) return;
    const status = statusOf(Code.CANCELLED, Detail.UNSPECIFIED, 'stopped by the host');
    this.#input({ type: 'stop', status });
  }

  acknowledge(run: number): void {
    this.#input({ type: 'acknowledge', run });
  }

  hostSilent(): void {
    this.#input({ type: 'host-silent' });
  }

  hostHeard(): void {
    if (this.inSafeHold) this.#input({ type: 'host-heard' });
  }

  credit(credit: StreamCredit): void {
    if (this.#job?.run !== credit.run) return;
    this.#job.ring.credit(credit);
    if (this.#job.ring.freeBytes >= this.#job.plan.recordBytes) this.#input({ type: 'ring-free' });
    this.#options.wake();
  }

  /** What to send next, at most `most` bytes; null when there is nothing, or no credit for it. */
  next(most: number): RunSlice | null {
    const job = this.#job;
    if (job === null || this.#machine.phase === 'stopped' || this.#machine.phase === 'failed') return null;
    const slice = job.ring.next(most);
    if (slice === null) {
      if (job.ring.sentTo === job.plan.totalBytes) this.#input({ type: 'all-sent' });
      return null;
    }
    return { ...slice, run: job.run, last: slice.offset + slice.data.length === job.plan.totalBytes };
  }

  /** State of the current or last run, undefined when there is none. */
  state(): RunState | undefined {
    const machine = this.#machine;
    if (machine.phase === 'idle' || this.#job === null) return undefined;
    return {
      run: this.#job.run,
      phase: PHASES[machine.phase],
      totalBytes: BigInt(this.#job.ring.producedTo),
      digest: isEnded(machine) ? this.#job.digest : new Uint8Array(0),
      gaps: 0,
      status: statusOfMachine(machine),
    };
  }

  /** An end state that the host has not acknowledged. */
  unacknowledged(): RunState | undefined {
    return isEnded(this.#machine) ? this.state() : undefined;
  }

  /** Power off: no event, no more samples. */
  close(): void {
    this.#job?.batch?.abort(new Error('the device was reset'));
    this.#job = null;
    this.#machine = { phase: 'idle' };
  }

  #input(input: RunInput): void {
    const { state, actions } = stepRun(this.#machine, input);
    this.#machine = state;
    if (isEnded(state) && this.#job !== null && this.#job.digest.length === 0) {
      this.#job.digest = this.#job.hash.digest();
    }
    for (const action of actions) this.#do(action);
  }

  #do(action: RunAction): void {
    const job = this.#job;
    if (job === null) return;
    if (action === 'compute') this.#compute(job);
    else if (action === 'abort') job.batch?.abort(new Error('the batch was given up'));
    else if (action === 'free') this.#job = null;
    else {
      const state = this.state();
      if (state !== undefined) this.#options.announce(state);
    }
  }

  #compute(job: Job): void {
    if (job.batch !== null || job !== this.#job || this.#machine.phase !== 'sampling') return;
    const samples = batchSamples(job);
    if (samples === 0) return this.#input({ type: 'ring-full' });
    const batch = new AbortController();
    job.batch = batch;
    const order = { ...job.plan.run, firstSample: job.nextSample, samples };
    this.#options.gate.run(order, batch.signal).then(
      (codes) => this.#finishBatch(job, () => this.#store(job, samples, codes)),
      (error: unknown) =>
        this.#finishBatch(job, () => {
          if (!batch.signal.aborted) this.#input({ type: 'fail', status: statusOfFailure(error) });
        }),
    );
  }

  #finishBatch(job: Job, settle: () => void): void {
    job.batch = null;
    if (job !== this.#job || !this.live) return;
    settle();
    this.#options.wake();
    this.#compute(job);
  }

  /** Packs codes [samples][reads][units] into records and appends them. */
  #store(job: Job, samples: number, codes: Int16Array): void {
    const { reads, recordBytes, units } = job.plan;
    if (codes.length !== samples * reads * units) {
      const message = `the core gave ${codes.length} codes for ${samples} samples`;
      return this.#input({ type: 'fail', status: statusOf(Code.INTERNAL, Detail.UNSPECIFIED, message) });
    }
    const records = new Uint8Array(samples * recordBytes);
    for (let read = 0; read < samples * reads; read++) {
      packCodes(codes, read * units, units, records, read * packedBytes(units));
    }
    job.hash.update(records);
    job.ring.append(records);
    job.nextSample += samples;
    if (job.nextSample === job.plan.run.samples) this.#input({ type: 'all-sampled' });
  }
}

/** The largest batch of the samples that are left, cut so that all batches are about equal; 0 when the ring is full. */
export function batchSamples(
  job: Pick<Job, 'plan' | 'nextSample'> & { ring: { freeBytes: number } },
): number {
  const left = job.plan.run.samples - job.nextSample;
  const equal = left / Math.ceil(left / BATCH_SAMPLES_MAX);
  const whole = Math.ceil(equal / GROUP_SAMPLES) * GROUP_SAMPLES;
  return Math.min(left, whole, Math.floor(job.ring.freeBytes / job.plan.recordBytes));
}

/** The batch that a plan begins with, for the core to check. */
export function firstBatch(plan: RunPlan, ringBytes: number): RunPlan['run'] {
  return { ...plan.run, samples: batchSamples({ plan, nextSample: 0, ring: { freeBytes: ringBytes } }) };
}

const PHASES: Record<RunMachine['phase'], RunPhase> = {
  idle: RunPhase.IDLE,
  sampling: RunPhase.SAMPLING,
  paused: RunPhase.PAUSED,
  finishing: RunPhase.FINISHING,
  done: RunPhase.DONE,
  stopped: RunPhase.STOPPED,
  failed: RunPhase.FAILED,
};

function statusOfMachine(machine: RunMachine): Status {
  if (machine.phase === 'stopped' || machine.phase === 'failed') return machine.status;
  if (machine.phase !== 'paused') return OK_STATUS;
  return machine.why === 'host-silent'
    ? statusOf(
        Code.UNAVAILABLE,
        Detail.HOST_SILENT,
        'the host is silent: sampling paused, analog core in safe hold',
      )
    : statusOf(Code.RESOURCE_EXHAUSTED, Detail.RING_OVERFLOW, 'the sample ring is full: waiting for credit');
}

function statusOfFailure(error: unknown): Status {
  if (error instanceof CoreRefusal) return statusOfCoreRefusal(error);
  const message = error instanceof Error ? error.message : String(error);
  return statusOf(Code.INTERNAL, Detail.UNSPECIFIED, `the analog core failed: ${message}`);
}
