// The one bank of a scripted device: takes chunks in any order, reports what is missing, and judges the image.
import { createHash } from 'node:crypto';
import { FrameFlag } from '../../src/link/frame/index.ts';
import {
  Code,
  ImageKind,
  LoadState,
  type Bank as BankStatus,
  type BeginLoad,
  type Bulk,
  type LoadReport,
} from '../../src/link/messages/index.ts';
import type { Body, Reply, Script } from './script.ts';

const REPORT_AFTER_MS = 50;

export interface Bank {
  id: Uint8Array;
  memory: Uint8Array;
  has: Uint8Array;
  state: LoadState;
  chunk: number;
}

export class ScriptedBank {
  readonly #script: Script;
  readonly #send: (report: LoadReport) => void;
  bank: Bank | null = null;
  readonly chunkFrames: Bulk[] = [];
  #sinceReport = 0;
  #highest = 0;
  #reportTimer: { cancel(): void } | null = null;
  #badPages: number;
  #verifying: number;

  constructor(script: Script, send: (report: LoadReport) => void) {
    this.#script = script;
    this.#send = send;
    this.#badPages = script.badPages ?? 0;
    this.#verifying = script.verifying ?? 0;
  }

  activate(): Reply {
    if (this.bank?.state !== LoadState.STAGED && this.bank?.state !== LoadState.ACTIVE) return { code: 9 };
    this.bank.state = LoadState.ACTIVE;
    return {};
  }

  status(): BankStatus[] {
    if (this.bank === null) return [];
    const { state, id: programId } = this.bank;
    return [{ index: 0, state, programId, receivedBytes: 0, kind: ImageKind.PROGRAM, patch: false }];
  }

  begin(value: BeginLoad): Reply {
    if (this.bank === null || Buffer.compare(this.bank.id, value.programId) !== 0) {
      const chunks = Math.ceil(value.totalBytes / value.chunkBytes);
      this.bank = {
        id: value.programId,
        memory: new Uint8Array(value.totalBytes),
        has: new Uint8Array(chunks),
        state: LoadState.LOADING,
        chunk: value.chunkBytes,
      };
      this.#highest = 0;
    }
    const windowBytes = this.#script.windowBytes ?? 2400;
    const accepted = { transfer: 1, state: this.bank.state, windowBytes, ...this.#missing(this.bank) };
    return { body: { type: 'loadAccepted', value: accepted } };
  }

  #missing(bank: Bank) {
    const missing: { from: bigint; to: bigint }[] = [];
    if (bank.state !== LoadState.LOADING) return { missing, moreMissing: false };
    for (let i = 0; i < bank.has.length; i += 1) {
      if (bank.has[i]) continue;
      const from = BigInt(i * bank.chunk);
      const to = BigInt(Math.min((i + 1) * bank.chunk, bank.memory.length));
      const last = missing.at(-1);
      if (last?.to === from) last.to = to;
      else if (missing.length === 8) return { missing, moreMissing: true };
      else missing.push({ from, to });
    }
    return { missing, moreMissing: false };
  }

  chunk({ offset, data }: Bulk, flags: number): void {
    const bank = this.bank;
    if (bank === null || bank.state !== LoadState.LOADING) return;
    this.chunkFrames.push({ id: 1, offset, data: data.slice() });
    bank.memory.set(data, offset);
    bank.has[offset / bank.chunk] = 1;
    this.#sinceReport += data.length;
    const isGap = offset > this.#highest;
    this.#highest = Math.max(this.#highest, offset + data.length);
    const quarter = (this.#script.windowBytes ?? 2400) / 4;
    if (isGap || flags & FrameFlag.reportNow || this.#sinceReport >= quarter) return this.#report(bank);
    this.#reportTimer?.cancel();
    this.#reportTimer = this.#script.clock.after(REPORT_AFTER_MS, () => this.#report(bank));
  }

  #report(bank: Bank): void {
    this.#reportTimer?.cancel();
    this.#sinceReport = 0;
    const gaps = this.#missing(bank);
    const contiguousTo = Number(gaps.missing[0]?.from ?? bank.memory.length);
    const lastChunk = bank.has.length - 1;
    const absentTail = bank.has[lastChunk] ? bank.has.length * bank.chunk - bank.memory.length : 0;
    const receivedBytes = bank.has.reduce((sum, has) => sum + has * bank.chunk, 0) - absentTail;
    const value = { transfer: 1, receivedBytes, contiguousTo, ...gaps };
    this.#send(value);
  }

  finish(): Reply {
    const bank = this.bank;
    if (bank === null) return { code: Code.FAILED_PRECONDITION };
    const verdict = (state: LoadState, badPages: number[] = []): Body => ({
      type: 'loadResult',
      value: { state, computedId: bank.id, badPages },
    });
    if (this.#verifying > 0) {
      this.#verifying -= 1;
      return { body: verdict(LoadState.VERIFYING) };
    }
    if (this.#badPages > 0) {
      this.#badPages -= 1;
      bank.has.fill(0, 0, Math.ceil(65_536 / bank.chunk));
      return { code: Code.DATA_LOSS, detail: 201, body: verdict(LoadState.LOADING, [0]) };
    }
    const computed = createHash('sha256').update(bank.memory).digest();
    if (Buffer.compare(computed, bank.id) !== 0)
      return { code: Code.DATA_LOSS, body: verdict(LoadState.LOADING) };
    bank.state = LoadState.STAGED;
    return { body: verdict(LoadState.STAGED) };
  }
}
