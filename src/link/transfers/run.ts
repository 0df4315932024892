// One run from StartRun or ReadReference to AckRun (link-protocol section 7): collects the records, repairs gaps, compares the digest
// with the device's own, and ends the run on the device in every case.
import { RunPhase, type Bulk, type Event, type RunAccepted, type RunState } from '../messages/index.ts';
import { RX_WINDOW_BYTES } from '../session/handshake.ts';
import { LinkError } from '../session/link-error.ts';
import { describeStatus } from '../session/refusal.ts';
import type { Session } from '../session/session.ts';
import { announcedBytes } from './announced.ts';
import { Bell } from './bell.ts';
import { RecordBuffer } from './record-buffer.ts';
import { ackRun, clearLeftovers, isEnd, stopRun } from './run-commands.ts';
import { readHeadedRecords, requireFeatures } from './record-headers.ts';
import type { RunOrder } from './run-order.ts';
import { SampleStream } from './sample-stream.ts';
import type { RunOptions, RunResult } from './types.ts';

/** With no word about the run for so long its state is asked for: two heartbeats. */
const POLL_QUIET_MS = 2000;
/** All bytes are here and the final event is not: asked sooner. */
const POLL_END_MS = 100;
const POLL_MAX_MS = 1000;
/** A device that no longer knows the run says so this many times before it is believed. */
const VANISHED_POLLS = 2;
/** After StopRun the end state is awaited this long; then the run counts as stopped anyway. */
const STOP_WAIT_MS = 2000;

/**
 * Runs what was ordered; `onStarted` gets the device's number of the run. Rejects with LinkError: `refused`, `run-failed`,
 * `data-loss`, `cancelled`, or the link's end.
 */
export async function runOrdered(
  session: Session,
  order: RunOrder,
  options: RunOptions,
  onStarted: (run: number) => void = () => undefined,
): Promise<RunResult> {
  const run = new OrderedRun(session, order, options);
  try {
    return await run.execute(onStarted);
  } finally {
    run.dispose();
  }
}

class OrderedRun {
  readonly #session: Session;
  readonly #order: RunOrder;
  readonly #options: RunOptions;
  readonly #bell: Bell;
  readonly #unlisten: () => void;
  /** Samples that overtook the reply to that, at most the window that HELLO granted. */
  #early: Bulk[] | null = [];
  #early_bytes = 0;
  #accepted: RunAccepted | null = null;
  #stream: SampleStream | null = null;
  #records = new RecordBuffer(0, 0);
  #end: RunState | null = null;
  #lastWord_ms: number;
  #lastPoll_ms = -Infinity;
  #pollPause_ms = POLL_END_MS;
  #vanished = 0;
  #isStalled = false;
  #failure: Error | null = null;
  readonly #onAbort = (): void => this.#bell.ring();

  constructor(session: Session, order: RunOrder, options: RunOptions) {
    this.#session = session;
    this.#order = order;
    this.#options = options;
    this.#bell = new Bell(session.clock);
    this.#lastWord_ms = session.clock.now_ms();
    this.#unlisten = session.listen({
      onSamples: (bulk) => this.#onSamples(bulk),
      onEvent: (event) => this.#onEvent(event),
      onClosed: () => this.#bell.ring(),
    });
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  dispose(): void {
    this.#unlisten();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  async execute(onStarted: (run: number) => void): Promise<RunResult> {
    requireFeatures(this.#order, this.#session.hello.features);
    const body = this.#order.body(this.#runToken());
    this.#throwIfAborted();
    await clearLeftovers(this.#session);
    this.#throwIfAborted();
    const accepted = await this.#session.request(this.#order.name, body, 'runAccepted');
    onStarted(accepted.run);
    try {
      this.#accept(accepted);
      const end = await this.#collect(accepted);
      const result = this.#judge(accepted, end);
      // The result is whole whether or not this reaches the device; what is left is cleared before the next run.
      await ackRun(this.#session, accepted.run).catch(() => undefined);
      return result;
    } catch (error) {
      await this.#abandon(accepted.run);
      throw error;
    }
  }

  #runToken(): bigint {
    const high = BigInt(this.#session.random32() >>> 0);
    return (high << 32n) | BigInt(this.#session.random32() >>> 0);
  }

  #throwIfAborted(): void {
    if (!this.#options.signal?.aborted) return;
    throw new LinkError('cancelled', 'the run was cancelled before it began', {
      cause: this.#options.signal.reason,
    });
  }

  #accept(accepted: RunAccepted): void {
    const { limits } = this.#session.hello;
    const total = announcedBytes(accepted, this.#order, limits);
    const window = Math.min(limits.sampleRingBytes || RX_WINDOW_BYTES, RX_WINDOW_BYTES);
    const sizes = { total_bytes: total, window_bytes: window, initialWindow_bytes: window };
    this.#records = new RecordBuffer(total, accepted.recordBytes);
    this.#accepted = accepted;
    this.#stream = new SampleStream(sizes, this.#session.clock.now_ms());
    const early = this.#early ?? [];
    this.#early = null;
    for (const bulk of early) this.#onSamples(bulk);
  }

  #onSamples(bulk: Bulk): void {
    if (this.#early !== null) {
      this.#early_bytes += bulk.data.length;
      if (this.#early_bytes <= RX_WINDOW_BYTES) this.#early.push(bulk);
      return;
    }
    const stream = this.#stream;
    if (stream === null || bulk.id !== this.#runId16()) return;
    this.#lastWord_ms = this.#session.clock.now_ms();
    const added = stream.onData(bulk.offset, bulk.data.length, this.#lastWord_ms);
    if (added < bulk.data.length)
      this.#session.counters.sampleDuplicateBytes += bulk.data.length - Math.max(0, added);
    if (added <= 0) return;
    this.#records.put(bulk.offset, bulk.data);
    this.#deliver(stream);
    this.#sendCredit(stream);
    if (stream.isComplete) this.#bell.ring();
  }

  /** SAMPLES frames carry 16 bits of the run's number. */
  #runId16(): number {
    return (this.#accepted?.run ?? 0) & 0xffff;
  }

  /** Hands whole records on; only then are their bytes consumed. */
  #deliver(stream: SampleStream): void {
    const next = this.#records.consume(stream.contiguous);
    if (next === null) return;
    try {
      this.#options.onRecords?.(next.records, next.received_bytes, this.#records.bytes.length);
    } catch (error) {
      // Ends the run, from where it can be told.
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#bell.ring();
    }
  }

  #sendCredit(stream: SampleStream): void {
    if (this.#end !== null && stream.isComplete) return;
    const { clock, counters } = this.#session;
    const credit = stream.grant(clock.now_ms(), this.#session.answerTimeout_ms);
    if (credit === null) return;
    if (stream.isStalled && !this.#isStalled) counters.creditStalls += 1;
    this.#isStalled = stream.isStalled;
    counters.sampleGaps += credit.missing.length;
    for (const { from, to } of credit.missing) counters.sampleRepairBytes += to - from;
    const value = {
      run: this.#accepted?.run ?? 0,
      ackedTo: BigInt(credit.ackedTo),
      windowEnd: BigInt(credit.windowEnd),
      missing: credit.missing.map(({ from, to }) => ({ from: BigInt(from), to: BigInt(to) })),
    };
    this.#session.sendOneWay({ type: 'streamCredit', value });
  }

  #onEvent(event: Event): void {
    switch (event.body?.type) {
      case 'runState':
        return this.#onRunState(event.body.value);
      case 'heartbeat': {
        const { run, runBytes, unacked } = event.body.value;
        if (unacked !== undefined) this.#onRunState(unacked);
        if (this.#accepted === null || run !== this.#accepted.run) return;
        this.#lastWord_ms = this.#session.clock.now_ms();
        this.#stream?.onProduced(Number(runBytes));
        return;
      }
      default:
        return;
    }
  }

  /** From the event, a heartbeat or GetStatus: the first end state counts. */
  #onRunState(state: RunState): void {
    if (this.#accepted === null || state.run !== this.#accepted.run) return;
    this.#lastWord_ms = this.#session.clock.now_ms();
    this.#vanished = 0;
    if (!isEnd(state.phase) || this.#end !== null) return;
    this.#end = state;
    if (state.phase === RunPhase.DONE) this.#onDone(Number(state.totalBytes));
    this.#bell.ring();
  }

  /** All samples are taken. A log with gaps may end before the size announced, any other ends there. */
  #onDone(total_bytes: number): void {
    const announced_bytes = this.#records.bytes.length;
    const least_bytes =
      this.#order.onFull === 'drop-with-gap' ? (this.#stream?.received_bytes ?? 0) : announced_bytes;
    if (total_bytes < least_bytes || total_bytes > announced_bytes) {
      this.#session.counters.digestFailures += 1;
      const message = `the device ends its run at ${total_bytes} bytes, possible are ${least_bytes} to ${announced_bytes}`;
      this.#failure = new LinkError('data-loss', message);
      return;
    }
    this.#stream?.endsAt(total_bytes);
    this.#records.endsAt(total_bytes);
    this.#stream?.onProduced(total_bytes);
  }

  /** Resolves with the end state once there is nothing more to wait for. */
  async #collect(accepted: RunAccepted): Promise<RunState> {
    const stream = this.#stream;
    if (stream === null) throw new LinkError('protocol-error', 'the run has no stream');
    for (;;) {
      if (this.#session.closed !== null) throw this.#session.closed;
      if (this.#failure !== null) throw this.#failure;
      if (this.#options.signal?.aborted) throw await this.#stop(accepted.run);
      const end = this.#end;
      if (end !== null && (end.phase !== RunPhase.DONE || stream.isComplete)) return end;
      this.#sendCredit(stream);
      await this.#pollWhenQuiet(stream);
      const now_ms = this.#session.clock.now_ms();
      await this.#bell.wait(Math.max(1, Math.min(stream.nextDue_ms - now_ms, POLL_END_MS)));
    }
  }

  /** Events may be lost; the state of the run can always be asked for. */
  async #pollWhenQuiet(stream: SampleStream): Promise<void> {
    if (this.#end !== null) return;
    const now_ms = this.#session.clock.now_ms();
    const quiet_ms = now_ms - this.#lastWord_ms;
    const patience_ms = stream.isComplete ? this.#pollPause_ms : POLL_QUIET_MS;
    if (quiet_ms < patience_ms || now_ms - this.#lastPoll_ms < patience_ms) return;
    this.#lastPoll_ms = now_ms;
    this.#pollPause_ms = Math.min(POLL_MAX_MS, this.#pollPause_ms * 2);
    await this.#poll();
  }

  async #poll(): Promise<void> {
    const body = { type: 'getStatus', value: {} } as const;
    const status = await this.#session.request('GetStatus', body, 'deviceStatus').catch((error: unknown) => {
      if (error instanceof LinkError && error.code === 'link-timeout') return null; // liveness judges the link
      throw error;
    });
    if (status === null) return;
    if (status.run !== undefined && status.run.run === this.#accepted?.run)
      return this.#onRunState(status.run);
    this.#vanished += 1;
    if (this.#vanished < VANISHED_POLLS) return;
    throw new LinkError('run-failed', 'the device no longer knows the run', { outcome: 'unknown' });
  }

  #judge(accepted: RunAccepted, end: RunState): RunResult {
    if (end.phase !== RunPhase.DONE) {
      const why = end.status === undefined ? 'without a reason' : describeStatus(end.status);
      const how = end.phase === RunPhase.STOPPED ? 'was stopped' : 'failed';
      throw new LinkError('run-failed', `run ${accepted.run} ${how} on the device: ${why}`, {
        deviceCode: end.status?.code,
        detail: end.status?.detail,
      });
    }
    const { bytes } = this.#records;
    const digest = this.#records.digest();
    const theirs = Buffer.from(end.digest).toString('hex');
    if (Number(end.totalBytes) !== bytes.length || theirs !== digest) {
      this.#session.counters.digestFailures += 1;
      const message = `run ${accepted.run}: ${bytes.length} bytes with digest ${digest} arrived, the device sent ${end.totalBytes} with ${theirs}`;
      throw new LinkError('data-loss', message);
    }
    const { recordBytes } = accepted;
    const { samples, recordHeader } = this.#order;
    if (!recordHeader) return { bytes, digest, recordBytes, samples };
    const headed = readHeadedRecords(bytes, recordBytes, this.#order, end.gaps);
    return { bytes, digest, recordBytes, samples, headed };
  }

  /** The caller gave up: ends the run on the device and returns the error to throw. */
  async #stop(run: number): Promise<LinkError> {
    const { clock } = this.#session;
    const cause = this.#options.signal?.reason as unknown;
    try {
      await stopRun(this.#session, run);
    } catch (error) {
      const message = 'the run was cancelled, but the device did not confirm that it stopped';
      return new LinkError('cancelled', message, { outcome: 'unknown', cause: error });
    }
    const deadline_ms = clock.now_ms() + STOP_WAIT_MS;
    while (this.#end === null && this.#session.closed === null && clock.now_ms() < deadline_ms) {
      await this.#poll().catch(() => undefined);
      if (this.#end === null) await this.#bell.wait(POLL_END_MS);
    }
    return new LinkError('cancelled', 'the run was cancelled and stopped on the device', {
      outcome: 'applied',
      cause,
    });
  }

  /** Leaves no run behind on the device, as far as the link allows. */
  async #abandon(run: number): Promise<void> {
    if (this.#session.closed !== null) return;
    if (this.#end === null) await stopRun(this.#session, run).catch(() => undefined);
    await ackRun(this.#session, run).catch(() => undefined);
  }
}
