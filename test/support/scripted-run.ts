// The one run of a scripted device: bytes from a seed, sent as credit allows, repeated where they are missing.
import { createHash } from 'node:crypto';
import { FrameFlag } from '../../src/link/frame/index.ts';
import {
  Code,
  RunPhase,
  type Bulk,
  type RunState,
  type StartRun,
  type StreamCredit,
} from '../../src/link/messages/index.ts';
import type { Reply, Script } from './script.ts';
import { seededRandom32 } from './seeded-random.ts';

interface Run {
  token: bigint;
  run: number;
  bytes: Uint8Array;
  sent: number;
  windowEnd: number;
  phase: RunPhase;
}

/** Where a run speaks. */
interface RunLine {
  samples(flags: number, bulk: Bulk): void;
  runState(state: RunState): void;
  hostWindowBytes(): number;
}

export class ScriptedRun {
  readonly #script: Script;
  readonly #line: RunLine;
  run: Run | null = null;
  acked = 0;
  #runs = 0;

  constructor(script: Script, line: RunLine) {
    this.#script = script;
    this.#line = line;
  }

  start({ runToken, samples }: Pick<StartRun, 'runToken' | 'samples'>): Reply {
    if (this.run !== null && this.run.token !== runToken) return { code: 9, message: 'a run is active' };
    const recordBytes = this.#script.recordBytes ?? 96;
    if (this.run === null) this.#begin(runToken, samples * recordBytes);
    const run = this.run;
    const value = {
      run: run?.run ?? 0,
      recordBytes,
      totalBytes: BigInt(run?.bytes.length ?? 0),
      estMs: 1,
    };
    return { body: { type: 'runAccepted', value } };
  }

  stop(): void {
    if (this.run !== null && !isEnd(this.run.phase)) this.#finish(this.run, RunPhase.STOPPED);
  }

  acknowledge(run: number): void {
    if (this.run?.run === run) this.run = null;
    this.acked += 1;
  }

  state(): RunState | undefined {
    return this.run === null ? undefined : this.#stateOf(this.run);
  }

  /** An end state that nobody has acknowledged. */
  unacknowledged(): RunState | undefined {
    return this.run !== null && isEnd(this.run.phase) ? this.#stateOf(this.run) : undefined;
  }

  #begin(token: bigint, totalBytes: number): void {
    const random = seededRandom32(Number(totalBytes));
    const bytes = Uint8Array.from({ length: totalBytes }, () => random());
    const window = Math.min(this.#script.ringBytes ?? 4096, this.#line.hostWindowBytes());
    this.#runs += 1;
    this.run = { token, run: this.#runs, bytes, sent: 0, windowEnd: window, phase: RunPhase.SAMPLING };
    this.#feed(this.run);
  }

  #feed(run: Run): void {
    this.#script.clock.after(this.#script.frameEvery_ms ?? 1, () => {
      if (this.run !== run || isEnd(run.phase)) return;
      const to = Math.min(run.sent + 300, run.windowEnd, run.bytes.length);
      this.#samples(run, run.sent, to);
      run.sent = Math.max(run.sent, to);
      if (this.#script.failAt !== undefined && run.sent >= this.#script.failAt)
        this.#finish(run, RunPhase.FAILED);
      else if (run.sent >= run.bytes.length) this.#finish(run, RunPhase.DONE);
      else this.#feed(run);
    });
  }

  #samples(run: Run, from: number, to: number, flags = 0): void {
    for (let at = from; at < to; at += 300) {
      const data = run.bytes.subarray(at, Math.min(at + 300, to));
      this.#line.samples(flags, { id: run.run, offset: at, data });
    }
  }

  credit(credit: StreamCredit): void {
    const run = this.run;
    if (run === null || credit.run !== run.run) return;
    run.windowEnd = Math.max(run.windowEnd, Number(credit.windowEnd));
    for (const { from, to } of credit.missing) {
      this.#samples(run, Number(from), Math.min(Number(to), run.sent), FrameFlag.replay);
    }
  }

  #finish(run: Run, phase: RunPhase): void {
    run.phase = phase;
    this.#line.runState(this.#stateOf(run));
  }

  #stateOf(run: Run): RunState {
    const digest = createHash('sha256').update(run.bytes).digest();
    if (this.#script.wrongDigest) digest[0] ^= 1;
    const code = run.phase === RunPhase.FAILED ? Code.INTERNAL : Code.OK;
    return {
      run: run.run,
      phase: run.phase,
      totalBytes: BigInt(run.bytes.length),
      digest,
      gaps: 0,
      status: { code, detail: 0, message: '', retryAfterMs: 0 },
    };
  }
}

const isEnd = (phase: RunPhase): boolean =>
  phase === RunPhase.DONE || phase === RunPhase.STOPPED || phase === RunPhase.FAILED;
