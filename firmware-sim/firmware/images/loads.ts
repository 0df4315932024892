// Uploads into two program banks and the field slots (link-protocol section 6): content-addressed, resumable, reported by
// missing ranges, as whole images or as patches, verified by a hash over the memory the chip is driven from.
import { createHash } from 'node:crypto';
import { Code, Detail, ImageKind, LoadState } from '../../../src/link/messages/index.ts';
import type {
  Bank,
  BeginLoad,
  Bulk,
  Capabilities,
  FinishLoad,
  Limits,
  LoadAccepted,
  LoadReport,
  LoadResult,
  Status,
} from '../../../src/link/messages/index.ts';
import { stepBank } from './bank-machine.ts';
import type { BankState, ImageOrder } from './bank-machine.ts';
import type { BoardClock } from '../contract.ts';
import { IdleTimer } from '../board/idle-timer.ts';
import { decodeField, decodeProgram } from './image.ts';
import type { FieldTable } from './image.ts';
import { ImageMemory } from './image-memory.ts';
import { checkOrder } from './load-order.ts';
import { applyPatch } from './patch.ts';
import { accept, OK_STATUS, refuse, statusOf } from '../status.ts';
import type { Outcome } from '../status.ts';

const REPORT_LATEST_MS = 50;
const REPORTS_PER_WINDOW = 4;
const MISSING_MAX = 8;
const BAD_PAGES_MAX = 32;
const TRANSFER_MAX = 0xffff;

export type LoadKind = 'program' | 'field';

/** A bank or field slot: its state, its memory, and the transfer that CHUNK frames name. */
export interface Slot {
  readonly kind: LoadKind;
  readonly index: number;
  state: BankState;
  /** The memory the chip is driven from. */
  image: Uint8Array | null;
  /** What CHUNK frames fill: the same memory, or that of a patch, which is applied once it is whole. */
  arrivals: ImageMemory | null;
  transfer: number;
  /** Bytes that arrived since the last report. */
  unreportedBytes: number;
}

export interface LoadsOptions {
  clock: BoardClock;
  capabilities: Capabilities;
  limits: Limits;
  /** Sends a LoadReport, one-way. */
  report(report: LoadReport): void;
  /** A bank read back other bytes than it was given, twice. */
  memoryFault(bank: number): void;
  /** Hexadecimal ids of the field images that the current run uses. */
  fieldsInUse(): readonly string[];
}

/** A reply that may carry its body beside an error: DATA_LOSS names the bad pages. */
export interface FinishReply {
  status: Status;
  result: LoadResult;
}

export class ImageLoads {
  readonly programs: readonly Slot[];
  readonly fields: readonly Slot[];
  readonly #options: LoadsOptions;
  readonly #lateReport: IdleTimer;
  #lastTransfer = 0;
  /** Slot of the last chunk, which the late report speaks of. */
  #lastSlot: Slot | null = null;

  constructor(options: LoadsOptions) {
    this.#options = options;
    this.programs = Array.from({ length: options.limits.banks }, (_, i) => emptySlot('program', i));
    this.fields = Array.from({ length: options.limits.fieldSlots }, (_, i) => emptySlot('field', i));
    this.#lateReport = new IdleTimer(options.clock, REPORT_LATEST_MS, () => {
      if (this.#lastSlot !== null && this.#lastSlot.unreportedBytes > 0) this.#report(this.#lastSlot);
    });
  }

  close(): void {
    this.#lateReport.stop();
  }

  /** BeginLoad: idempotent by program_id; resumes what is partly there, takes what is wholly there. */
  begin(request: BeginLoad): Outcome<LoadAccepted> {
    const checked = checkOrder(request, this.#options.capabilities, this.#options.limits);
    if (!checked.ok) return checked;
    const { kind, order } = checked.value;
    const slots = kind === 'program' ? this.programs : this.fields;
    const slot = slots.find((s) => idOf(s) === order.id) ?? slots[request.bank];
    const resumes = idOf(slot) === order.id;
    if (!resumes && kind === 'field' && this.#options.fieldsInUse().includes(idOf(slot) ?? '')) {
      return refuse(
        Code.UNAVAILABLE,
        Detail.BANK_BUSY,
        `field slot ${slot.index} is used by the current run`,
      );
    }
    return this.#enter(slot, order, request.bank);
  }

  #enter(slot: Slot, order: ImageOrder, asked: number): Outcome<LoadAccepted> {
    const step = stepBank(slot.state, { type: 'begin', order });
    if (!step.ok) {
      return refuse(Code.FAILED_PRECONDITION, Detail.BANK_BUSY, `bank ${asked} drives the chip`);
    }
    if (step.actions.includes('start-map')) {
      const base = order.baseId === '' ? null : this.#baseFor(slot, order);
      if (base !== null && !base.ok) return base;
      slot.arrivals = new ImageMemory(order.totalBytes, order.chunkBytes);
      slot.image = base === null ? slot.arrivals.bytes : base.value.slice();
      slot.transfer = this.#nextTransfer();
      slot.unreportedBytes = 0;
    }
    slot.state = step.state;
    const whole = slot.state.kind !== 'loading';
    const missing =
      whole || slot.arrivals === null ? NOTHING : slot.arrivals.missing(MISSING_MAX, order.totalBytes);
    return accept({
      transfer: slot.transfer,
      state: loadStateOf(slot.state),
      missing: missing.ranges,
      moreMissing: missing.more,
      windowBytes: this.#options.limits.loadWindowBytes,
    });
  }

  /** The image that a patch into `slot` is made against. It is copied at once: what becomes of it later does not matter. */
  #baseFor(slot: Slot, order: ImageOrder): Outcome<Uint8Array> {
    const base = this.whole(slot.kind, order.baseId);
    if (base === undefined || base.image === null) {
      const message = `base ${order.baseId.slice(0, 16)} is not here: send the whole image`;
      return refuse(Code.NOT_FOUND, Detail.NO_BASE, message);
    }
    if (base === slot) {
      const message = `the base is in bank ${slot.index}, which the patch would overwrite`;
      return refuse(Code.FAILED_PRECONDITION, Detail.NO_BASE, message);
    }
    if (base.image.length !== order.imageBytes) {
      const message = `the base has ${base.image.length} bytes, the image ${order.imageBytes}`;
      return refuse(Code.FAILED_PRECONDITION, Detail.NO_BASE, message);
    }
    return accept(base.image);
  }

  /** A CHUNK frame. False: it belongs to no transfer, or does not fit its image. */
  chunk(bulk: Bulk, reportNow: boolean): boolean {
    const slot = this.#byTransfer(bulk.id);
    if (slot === undefined || slot.arrivals === null) return false;
    const { arrivals } = slot;
    if (slot.state.kind === 'loading') {
      const opensGap = bulk.offset > arrivals.highWater;
      if (arrivals.put(bulk.offset, bulk.data) !== 'stored') return false;
      slot.unreportedBytes += bulk.data.length;
      this.#lastSlot = slot;
      this.#lateReport.touch();
      const quarter = this.#options.limits.loadWindowBytes / REPORTS_PER_WINDOW;
      const due = opensGap || arrivals.complete || slot.unreportedBytes >= quarter;
      if (!reportNow && due) this.#report(slot);
    }
    if (reportNow) this.#report(slot);
    return true;
  }

  /** FinishLoad: hashes the bank memory, then checks that it holds a valid image. */
  finish(request: FinishLoad): Outcome<FinishReply> {
    const slot = this.#byTransfer(request.transfer);
    if (slot === undefined || slot.arrivals === null || slot.image === null || slot.state.kind === 'empty') {
      return refuse(Code.NOT_FOUND, Detail.UNSPECIFIED, `no transfer ${request.transfer}`);
    }
    const { arrivals, image } = slot;
    const { order } = slot.state;
    if (hex(request.programId) !== order.id) {
      const message = `transfer ${request.transfer} was begun for another image`;
      return refuse(Code.INVALID_ARGUMENT, Detail.HASH_MISMATCH, message);
    }
    if (slot.state.kind !== 'loading') return accept(finished(slot, request.programId));
    if (!arrivals.complete) {
      const message = `${arrivals.receivedBytes} of ${order.totalBytes} bytes have arrived`;
      return refuse(Code.FAILED_PRECONDITION, Detail.UNSPECIFIED, message);
    }
    const objection = order.baseId === '' ? null : this.#patch(slot, arrivals, image);
    if (objection !== null) return objection;
    const computedId = sha256(image);
    if (computedId.toString('hex') !== order.id) {
      const isPatch = order.baseId !== '';
      return accept(isPatch ? this.#wrongPatch(slot, order) : this.#mismatch(slot, arrivals, computedId));
    }
    const content = this.#decode(slot.kind, image);
    this.#step(slot, content.ok ? 'verified' : 'invalid');
    return content.ok ? accept(finished(slot, computedId)) : content;
  }

  /** Applies what arrived to the copy of the base; null when that is done. */
  #patch(slot: Slot, arrivals: ImageMemory, image: Uint8Array): Outcome<FinishReply> | null {
    if (arrivals.pagesUnlikeArrived().length > 0) {
      return accept(this.#mismatch(slot, arrivals, sha256(arrivals.bytes)));
    }
    const defect = applyPatch(image, arrivals.bytes);
    if (defect === null) return null;
    this.#step(slot, 'invalid');
    return refuse(Code.INVALID_ARGUMENT, Detail.BAD_PATCH, `not a patch for this image: ${defect}`);
  }

  /** A whole patch that gives another image was made against other bytes: nothing of it can be repaired. */
  #wrongPatch(slot: Slot, order: ImageOrder): FinishReply {
    const base = this.whole(slot.kind, order.baseId);
    const isRotten = base?.image && hex(sha256(base.image)) !== order.baseId;
    if (isRotten) this.#options.memoryFault(base.index);
    this.#step(slot, 'invalid');
    const why = isRotten ? `the base in bank ${base.index} reads back changed` : 'the base is another one';
    const status = statusOf(Code.DATA_LOSS, Detail.HASH_MISMATCH, `${why}: send the whole image`);
    const result = { state: loadStateOf(slot.state), computedId: new Uint8Array(0), badPages: [] };
    return { status, result };
  }

  abort(transfer: number): void {
    const slot = this.#byTransfer(transfer);
    if (slot === undefined) return; // the target state, no such transfer, is reached already
    this.#step(slot, 'abort');
  }

  /** The slot whose whole image has this hexadecimal id. */
  whole(kind: LoadKind, id: string): Slot | undefined {
    const slots = kind === 'program' ? this.programs : this.fields;
    return slots.find((slot) => isWhole(slot.state) && idOf(slot) === id);
  }

  get active(): Slot | undefined {
    return this.programs.find((slot) => slot.state.kind === 'active');
  }

  /** Makes a staged bank the active one; the one before it stays staged. */
  setActive(slot: Slot): void {
    for (const other of this.programs) if (other !== slot) this.#step(other, 'retire');
    this.#step(slot, 'activate');
  }

  /** The table of a whole field image. */
  field(id: string): FieldTable | null {
    const slot = this.whole('field', id);
    if (slot === undefined || slot.image === null) return null;
    const table = decodeField(slot.image, this.#options.capabilities);
    return table.ok ? table.value : null;
  }

  /** The program banks as GetStatus reports them. */
  banks(): Bank[] {
    return this.programs.map((slot) => ({
      index: slot.index,
      state: loadStateOf(slot.state),
      programId: Buffer.from(idOf(slot) ?? '', 'hex'),
      receivedBytes: receivedBytesOf(slot),
      kind: slot.state.kind === 'empty' ? ImageKind.UNSPECIFIED : ImageKind.PROGRAM,
      patch: slot.state.kind === 'loading' && slot.state.order.baseId !== '',
    }));
  }

  #decode(kind: LoadKind, image: Uint8Array): Outcome<unknown> {
    const decode = kind === 'program' ? decodeProgram : decodeField;
    return decode(image, this.#options.capabilities);
  }

  /** Read back unlike what arrived: those pages. Exactly what arrived, yet another hash: every page is suspect. */
  #mismatch(slot: Slot, arrivals: ImageMemory, computedId: Uint8Array): FinishReply {
    const unlike = arrivals.pagesUnlikeArrived();
    const bad = unlike.length > 0 ? unlike : arrivals.allPages();
    const actions = this.#step(slot, 'mismatched');
    if (actions.includes('clear-bad-pages'))
      arrivals.forget(bad.length > BAD_PAGES_MAX ? arrivals.allPages() : bad);
    const gaveUp = actions.includes('report-memory-fault');
    if (gaveUp && unlike.length > 0) this.#options.memoryFault(slot.index);
    const message = gaveUp
      ? 'the image hashes to another id for the second time; it was dropped'
      : `the image hashes to another id; ${unlike.length} pages read back unlike what arrived`;
    return {
      status: statusOf(Code.DATA_LOSS, Detail.HASH_MISMATCH, message),
      result: { state: loadStateOf(slot.state), computedId, badPages: bad.slice(0, BAD_PAGES_MAX) },
    };
  }

  #step(
    slot: Slot,
    type: 'verified' | 'mismatched' | 'invalid' | 'abort' | 'activate' | 'retire',
  ): readonly string[] {
    const step = stepBank(slot.state, { type });
    if (!step.ok) throw new Error(`${slot.kind} bank ${slot.index}: ${type} refused, ${step.reason}`);
    slot.state = step.state;
    return step.actions;
  }

  #byTransfer(transfer: number): Slot | undefined {
    if (transfer === 0) return undefined;
    return [...this.programs, ...this.fields].find((slot) => slot.transfer === transfer);
  }

  #nextTransfer(): number {
    this.#lastTransfer = (this.#lastTransfer % TRANSFER_MAX) + 1;
    return this.#lastTransfer;
  }

  /** What is missing below the highest byte that arrived: frames come in order, so those ranges are lost. */
  #report(slot: Slot): void {
    const { arrivals } = slot;
    if (arrivals === null) return;
    slot.unreportedBytes = 0;
    const { ranges, more } = arrivals.missing(MISSING_MAX, arrivals.highWater);
    this.#options.report({
      transfer: slot.transfer,
      receivedBytes: arrivals.receivedBytes,
      contiguousTo: arrivals.contiguousTo,
      missing: ranges,
      moreMissing: more,
    });
  }
}

const NOTHING = { ranges: [], more: false };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const isWhole = (state: BankState): boolean => state.kind === 'staged' || state.kind === 'active';

function emptySlot(kind: LoadKind, index: number): Slot {
  return {
    kind,
    index,
    state: { kind: 'empty' },
    image: null,
    arrivals: null,
    transfer: 0,
    unreportedBytes: 0,
  };
}

function receivedBytesOf(slot: Slot): number {
  if (slot.state.kind === 'empty') return 0;
  return isWhole(slot.state) ? slot.state.order.imageBytes : (slot.arrivals?.receivedBytes ?? 0);
}

function idOf(slot: Slot): string | undefined {
  return slot.state.kind === 'empty' ? undefined : slot.state.order.id;
}

function finished(slot: Slot, id: Uint8Array): FinishReply {
  return {
    status: OK_STATUS,
    result: { state: loadStateOf(slot.state), computedId: id, badPages: [] },
  };
}

const LOAD_STATES: Record<BankState['kind'], LoadState> = {
  empty: LoadState.EMPTY,
  loading: LoadState.LOADING,
  staged: LoadState.STAGED,
  active: LoadState.ACTIVE,
};
function loadStateOf(state: BankState): LoadState {
  return LOAD_STATES[state.kind];
}
