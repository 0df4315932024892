// Drives a run: asks the core for batches of samples, has them written into the log of the run (record-log.ts), and hands
// out what is to be sent. Everything it decides is decided by run-machine.ts; this is the shell around it.
import { CoreRefusal } from '../../chip/analog-core.ts';
import { Code, Detail, RunPhase } from '../../../src/link/messages/index.ts';
import type { RunAccepted, RunState, Status, StreamCredit } from '../../../src/link/messages/index.ts';
import { saturatedCodes } from '../../chip/thermal/index.ts';
import type { BoardClock } from '../contract.ts';
import type { CoreGate } from '../board/core-gate.ts';
import { RecordLog } from './record-log.ts';
import { isEnded, isLive, stepRun } from './run-machine.ts';
import type { RunAction, RunInput, RunMachine } from './run-machine.ts';
import type { SampleSlice } from './sample-ring.ts';
import type { RunPlan } from './schedule.ts';
import { OK_STATUS, statusOf, statusOfCoreRefusal } from '../status.ts';
import { durationOf_s } from '../board/thermal-guard.ts';
import type { BatchWork, ThermalGuard } from '../board/thermal-guard.ts';

/** The core works on groups of 8 replicas; batches are whole groups as long as samples are left. */
const GROUP_SAMPLES = 8;
const BATCH_SAMPLES_MAX = 64;
const RUN_MAX = 0xffff;

export interface RunEngineOptions {
  gate: CoreGate;
  clock: BoardClock;
  /** Null on a board without sensors: batches follow each other, as fast as the core gives them. */
  thermal: ThermalGuard | null;
  ringBytes: number;
  /** Time since boot, as record headers state it. */
  uptimeUs(): bigint;
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
  readonly log: RecordLog;
  digest: Uint8Array;
  batch: AbortController | null;
  /** Time a sample took on the board's clock, as last measured. */
  perSample_s: number;
  /** Idling until the die is cool enough. */
  pause: { since_ms: number; timer: { cancel(): void } } | null;
  /** The batch is computed, and the chip would not be done yet. */
  waiting: { cancel(): void } | null;
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
    return this.#job?.log.ring.producedTo ?? 0;
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
      log: new RecordLog(plan, this.#options.ringBytes, hostWindowBytes),
      digest: new Uint8Array(0),
      batch: null,
      perSample_s: 0,
      pause: null,
      waiting: null,
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

  /** The board gives the run up. */
  fail(status: Status): void {
    this.#input({ type: 'fail', status });
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
    const { log } = this.#job;
    log.ring.credit(credit);
    if (this.live) log.settle();
    if (log.roomSamples > 0) this.#input({ type: 'ring-free' });
    this.#options.wake();
  }

  /** What to send next, at most `most` bytes; null when there is nothing, or no credit for it. */
  next(most: number): RunSlice | null {
    const job = this.#job;
    if (job === null || this.#machine.phase === 'stopped' || this.#machine.phase === 'failed') return null;
    const { log } = job;
    const slice = log.ring.next(most);
    if (slice === null) {
      if (log.isWhole && log.ring.sentTo === log.ring.producedTo) this.#input({ type: 'all-sent' });
      return null;
    }
    const last = log.isWhole && slice.offset + slice.data.length === log.ring.producedTo;
    return { ...slice, run: job.run, last };
  }

  /** State of the current or last run, undefined when there is none. */
  state(): RunState | undefined {
    const machine = this.#machine;
    if (machine.phase === 'idle' || this.#job === null) return undefined;
    return {
      run: this.#job.run,
      phase: PHASES[machine.phase],
      totalBytes: BigInt(this.#job.log.ring.producedTo),
      digest: isEnded(machine) ? this.#job.digest : new Uint8Array(0),
      gaps: this.#job.log.gaps,
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
    this.#job?.waiting?.cancel();
    if (this.#job !== null) this.#endPause(this.#job);
    this.#options.thermal?.setBatch(null);
    this.#job = null;
    this.#machine = { phase: 'idle' };
  }

  #input(input: RunInput): void {
    const { state, actions } = stepRun(this.#machine, input);
    this.#machine = state;
    const isCooling = state.phase === 'paused' && state.why === 'too-warm';
    if (this.#job !== null && !isCooling) this.#endPause(this.#job);
    if (isEnded(state) && this.#job !== null && this.#job.digest.length === 0) {
      this.#job.digest = this.#job.log.digest();
    }
    for (const action of actions) this.#do(action);
  }

  #do(action: RunAction): void {
    const job = this.#job;
    if (job === null) return;
    if (action === 'compute') this.#compute(job);
    else if (action === 'abort') this.#giveUp(job);
    else if (action === 'free') this.#job = null;
    else {
      const state = this.state();
      if (state !== undefined) this.#options.announce(state);
    }
  }

  #compute(job: Job): void {
    if (job.batch !== null || job !== this.#job || this.#machine.phase !== 'sampling') return;
    const most = batchSamples(job.plan, job.log);
    if (most === 0) return this.#input({ type: 'ring-full' });
    const pace = this.#options.thermal?.pace(most, (samples) => this.#work(job, samples));
    const { samples, pause_ms } = pace ?? { samples: most, pause_ms: 0 };
    if (pause_ms > 0) return this.#pause(job, pause_ms);
    const batch = new AbortController();
    job.batch = batch;
    const started_ms = this.#options.clock.now_ms();
    const work = this.#work(job, samples);
    this.#options.thermal?.setBatch(work);
    const order = { ...job.plan.run, firstSample: job.log.nextSample, samples };
    this.#options.gate.run(order, batch.signal).then(
      (codes) =>
        this.#whenChipIsDone(job, work, started_ms, () => {
          job.perSample_s = (this.#options.clock.now_ms() - started_ms) / 1000 / samples;
          this.#finishBatch(job, () => this.#store(job, samples, codes));
        }),
      (error: unknown) =>
        this.#finishBatch(job, () => {
          if (!batch.signal.aborted) this.#input({ type: 'fail', status: statusOfFailure(error) });
        }),
    );
  }

  /** The outputs stand still at once, whenever the core notices. */
  #giveUp(job: Job): void {
    job.batch?.abort(new Error('the batch was given up'));
    this.#options.thermal?.setBatch(null);
    if (job.waiting === null) return;
    // The core is done already: nobody else would say that the batch is over.
    job.waiting.cancel();
    job.waiting = job.batch = null;
  }

  #work(job: Job, samples: number): BatchWork {
    const { run, reads, units } = job.plan;
    const steps = run.phases.reduce((sum, phase) => sum + phase.steps, 0);
    return {
      relax_s: (samples * steps * run.step_ns) / 1e9,
      read_s: samples * (this.#options.thermal?.conversion_s(reads, units) ?? 0),
      expected_s: samples * job.perSample_s,
    };
  }

  #pause(job: Job, pause_ms: number): void {
    const { clock } = this.#options;
    this.#input({ type: 'too-warm' });
    const timer = clock.after(pause_ms, () => this.#input({ type: 'cooled' }));
    job.pause = { since_ms: clock.now_ms(), timer };
  }

  #endPause(job: Job): void {
    const { thermal, clock } = this.#options;
    if (job.pause === null || thermal === null) return;
    thermal.sensors.meters.thermalHold_ms += clock.now_ms() - job.pause.since_ms;
    job.pause.timer.cancel();
    job.pause = null;
  }

  /** A twin may compute faster than its chip would work, on virtual time in no time at all: the chip's time counts. */
  #whenChipIsDone(job: Job, work: BatchWork, started_ms: number, then: () => void): void {
    const { clock, thermal } = this.#options;
    const left_ms = started_ms + durationOf_s({ ...work, expected_s: 0 }) * 1000 - clock.now_ms();
    if (thermal === null || left_ms <= 0 || this.#job !== job) return then();
    job.waiting = clock.after(left_ms, () => {
      job.waiting = null;
      then();
    });
  }

  #finishBatch(job: Job, settle: () => void): void {
    job.batch = null;
    // A batch of a run before may end while one of the next is on the chip; one of a boot before means nothing.
    if (this.#job !== null && this.#job.batch === null) this.#options.thermal?.setBatch(null);
    if (job !== this.#job || !this.live) return;
    this.#options.thermal?.check();
    if (!this.live) return;
    settle();
    this.#options.wake();
    this.#compute(job);
  }

  /** Takes codes [samples][reads][units] into the log of the run. */
  #store(job: Job, samples: number, codes: Int16Array): void {
    const { reads, units } = job.plan;
    if (codes.length !== samples * reads * units) {
      const message = `the core gave ${codes.length} codes for ${samples} samples`;
      return this.#input({ type: 'fail', status: statusOf(Code.INTERNAL, Detail.UNSPECIFIED, message) });
    }
    const meters = this.#options.thermal?.sensors.meters;
    if (meters !== undefined) {
      meters.readings += codes.length;
      meters.saturatedReadings += saturatedCodes(codes);
    }
    job.log.append(samples, codes, this.#options.uptimeUs());
    if (job.log.allSampled) this.#input({ type: 'all-sampled' });
  }
}

/**
 * The largest batch of the samples that are left, cut so that all batches are about equal; 0 when the ring is full. A run
 * that may drop samples goes on taking them, by the smallest batch, whether or not they can be kept.
 */
export function batchSamples(
  plan: Pick<RunPlan, 'dropWithGap'> & { run: { samples: number } },
  log: { nextSample: number; roomSamples: number },
): number {
  const left = plan.run.samples - log.nextSample;
  const equal = left / Math.ceil(left / BATCH_SAMPLES_MAX);
  const whole = Math.ceil(equal / GROUP_SAMPLES) * GROUP_SAMPLES;
  const room = plan.dropWithGap ? Math.max(log.roomSamples, GROUP_SAMPLES) : log.roomSamples;
  return Math.min(left, whole, room);
}

/** The batch that a plan begins with, for the core to check. */
export function firstBatch(plan: RunPlan, ringBytes: number): RunPlan['run'] {
  const log = { nextSample: 0, roomSamples: Math.floor(ringBytes / plan.recordBytes) };
  return { ...plan.run, samples: batchSamples(plan, log) };
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
  if (machine.why === 'too-warm') {
    return statusOf(Code.UNAVAILABLE, Detail.OVER_TEMP, 'the die is warm: idling before the next batch');
  }
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
