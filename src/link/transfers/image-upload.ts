// One transfer into a bank (link-protocol section 6), of an image or of a patch: BeginLoad, chunks under the plan's window,
// FinishLoad, and the device's own verdict on what is in the memory that the chip is driven from.
import { FrameFlag } from '../frame/index.ts';
import {
  BULK_HEADER_BYTES,
  Code,
  encodeBulk,
  ImageKind,
  LoadState,
  type LoadAccepted,
  type LoadReport,
  type LoadResult,
  type Range,
  type Status,
} from '../messages/index.ts';
import { LinkError } from '../session/link-error.ts';
import { refusal } from '../session/refusal.ts';
import { MAX_RTO_MS } from '../session/rtt-estimator.ts';
import type { Session } from '../session/session.ts';
import { announcedTransfer } from './announced.ts';
import { Bell } from './bell.ts';
import type { ByteRange } from './range-set.ts';
import type { LoadOptions } from './types.ts';
import { loadWindow_bytes, UploadPlan, type NextChunk } from './upload-plan.ts';

/** Image format v1 (docs/protocol.md): dense upper triangle, 12-bit pairs. */
const LAYOUT = { topologyId: 1, packing: 1, version: 1 } as const;
const PAGE_BYTES = 64 * 1024;
/** Chunks hold whole 12-bit pairs and whole 32-bit words (section 3.4). */
const CHUNK_MULTIPLE_BYTES = 12;
/** Without any report for so long a load is given up: the hard limit of a request. */
const NO_REPORT_LIMIT_MS = 10_000;
/** Hashing is long for a device: asked again ever less often, up to a limit. */
const VERIFY_POLL_FIRST_MS = 20;
const VERIFY_POLL_MAX_MS = 250;
const VERIFY_LIMIT_MS = 30_000;
/** A second mismatch is a fault of the device's memory (section 6). */
const MAX_REPAIRS = 1;
/** Transfers of one load in all, whatever the reason for another. */
const MAX_ROUNDS = 4;

/** What is sent, and what it comes to in the device. */
export interface UploadOrder {
  /** SHA-256 of the image. */
  id: Uint8Array;
  bank: number;
  /** The image, or the stream of a patch. */
  data: Uint8Array;
  /** Id of the image that the patch is made against; empty: `data` is the image. */
  baseId: Uint8Array;
}

/** What became of it. */
export interface UploadOutcome {
  /** The device had the whole image already. */
  skipped: boolean;
}

/** Rejects with LinkError; `onSent` gets the size of every chunk put on the wire. */
export async function uploadImage(
  session: Session,
  order: UploadOrder,
  options: LoadOptions,
  onSent: (bytes: number) => void,
): Promise<UploadOutcome> {
  const upload = new ImageUpload(session, order, options, onSent);
  try {
    return { skipped: await upload.run() };
  } finally {
    upload.dispose();
  }
}

class ImageUpload {
  readonly #session: Session;
  readonly #order: UploadOrder;
  readonly #options: LoadOptions;
  readonly #onSent: (bytes: number) => void;
  readonly #chunk_bytes: number;
  readonly #bell: Bell;
  readonly #unlisten: () => void;
  #transfer = 0;
  #plan: UploadPlan | null = null;
  #lastReport_ms = 0;
  #lastSent_ms = 0;
  #backoff = 1;
  readonly #onAbort = (): void => this.#bell.ring();

  constructor(session: Session, order: UploadOrder, options: LoadOptions, onSent: (bytes: number) => void) {
    const { limits } = session.hello;
    this.#session = session;
    this.#order = order;
    this.#options = options;
    this.#onSent = onSent;
    const room = Math.min(limits.chunkBytes, limits.maxPayload - BULK_HEADER_BYTES);
    this.#chunk_bytes = Math.max(CHUNK_MULTIPLE_BYTES, room - (room % CHUNK_MULTIPLE_BYTES));
    this.#bell = new Bell(session.clock);
    this.#unlisten = session.listen({
      onLoadReport: (report) => this.#onReport(report),
      // The device has finished hashing: ask now instead of at the next poll.
      onEvent: (event) => event.body?.type === 'opDone' && this.#bell.ring(),
      onClosed: () => this.#bell.ring(),
    });
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  dispose(): void {
    this.#unlisten();
    this.#session.setBulkSource(null);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  /** True when nothing had to be sent. */
  async run(): Promise<boolean> {
    this.#check();
    const accepted = await this.#begin();
    if (isLoaded(accepted.state)) return true;
    let repairs = 0;
    for (let round = 0; ; round += 1) {
      await this.#transferAll();
      const bad = await this.#verify();
      if (bad === null) return false;
      if (bad === 'incomplete' && round < MAX_ROUNDS) {
        await this.#begin(); // its answer lists what is missing
        continue;
      }
      if (bad === 'incomplete') throw new LinkError('protocol-error', 'the device reports a load both ways');
      repairs += 1;
      if (repairs > MAX_REPAIRS) {
        throw new LinkError('data-loss', 'the image in the device has a wrong digest again after a repair', {
          retryable: false,
          remedy: 'The memory of the device is suspect: reset it, then run its self test.',
        });
      }
      this.#plan?.resend(bad);
    }
  }

  async #begin(): Promise<LoadAccepted> {
    const { id, bank, data, baseId } = this.#order;
    const isField = this.#options.kind === 'field';
    const value = {
      programId: id,
      kind: isField ? ImageKind.FIELD : ImageKind.PROGRAM,
      totalBytes: data.length,
      bank,
      chunkBytes: this.#chunk_bytes,
      layout: { units: this.#options.units, ...LAYOUT },
      baseProgramId: baseId,
    };
    const accepted = await this.#session.request('BeginLoad', { type: 'beginLoad', value }, 'loadAccepted');
    if (!isLoaded(accepted.state)) this.#transfer = announcedTransfer(accepted.transfer);
    const { limits } = this.#session.hello;
    const announced_bytes = accepted.windowBytes || limits.loadWindowBytes;
    this.#plan ??= new UploadPlan({
      total_bytes: data.length,
      chunk_bytes: this.#chunk_bytes,
      window_bytes: loadWindow_bytes(announced_bytes, this.#chunk_bytes, limits.uartHintBaud),
      announced_bytes,
    });
    this.#plan.onReport(plainMissing(accepted));
    this.#lastReport_ms = this.#session.clock.now_ms();
    return accepted;
  }

  /** Sends until the device has reported every byte as received. */
  async #transferAll(): Promise<void> {
    const plan = this.#plan;
    if (plan === null) return;
    const now_ms = (): number => this.#session.clock.now_ms();
    this.#lastReport_ms = now_ms();
    this.#backoff = 1;
    this.#session.setBulkSource({ next: () => this.#nextFrame(plan.next()) });
    while (!plan.isComplete) {
      if (plan.needsQuery) await this.#begin();
      this.#session.pump();
      const quietSince_ms = Math.max(this.#lastReport_ms, this.#lastSent_ms);
      const patience_ms = Math.min(MAX_RTO_MS, this.#session.answerTimeout_ms * this.#backoff);
      if (!plan.isComplete) await this.#bell.wait(Math.max(1, quietSince_ms + patience_ms - now_ms()));
      this.#check();
      if (now_ms() - this.#lastReport_ms > NO_REPORT_LIMIT_MS) {
        throw new LinkError('link-timeout', `no report on the load within ${NO_REPORT_LIMIT_MS / 1000} s`);
      }
      const isOverdue = now_ms() >= Math.max(this.#lastReport_ms, this.#lastSent_ms) + patience_ms;
      if (isOverdue && plan.inFlight_bytes > 0) this.#probe(plan);
    }
    this.#session.setBulkSource(null);
  }

  /** One chunk that asks for a report; it takes its turn like any other chunk. */
  #probe(plan: UploadPlan): void {
    this.#backoff *= 2;
    let probe = plan.probe();
    this.#lastSent_ms = this.#session.clock.now_ms();
    this.#session.setBulkSource({
      next: () => {
        const chunk = probe ?? plan.next();
        probe = null;
        return this.#nextFrame(chunk);
      },
    });
  }

  #nextFrame(chunk: NextChunk | null): { flags: number; payload: Uint8Array } | null {
    if (chunk === null) return null;
    const { from, to, reportNow, last, replay } = chunk;
    this.#onSent(to - from);
    if (replay) this.#session.counters.txReplayBytes += to - from;
    this.#lastSent_ms = this.#session.clock.now_ms();
    const flags =
      (reportNow ? FrameFlag.reportNow : 0) | (last ? FrameFlag.last : 0) | (replay ? FrameFlag.replay : 0);
    const data = this.#order.data.subarray(from, to);
    return { flags, payload: encodeBulk({ id: this.#transfer, offset: from, data }) };
  }

  #onReport(report: LoadReport): void {
    if (this.#plan === null || report.transfer !== this.#transfer) return;
    this.#lastReport_ms = this.#session.clock.now_ms();
    const missing = { ...plainMissing(report), received_bytes: report.receivedBytes };
    if (this.#plan.onReport(missing)) this.#backoff = 1;
    const total = this.#order.data.length;
    this.#options.onProgress?.(Math.min(report.receivedBytes, total), total);
    if (this.#plan.isComplete) this.#bell.ring();
    else this.#session.pump();
  }

  /** Lets the device check its memory: null when it holds the image, else the pages to send again, if it has all. */
  async #verify(): Promise<ByteRange[] | 'incomplete' | null> {
    const deadline_ms = this.#session.clock.now_ms() + VERIFY_LIMIT_MS;
    for (let pause_ms = VERIFY_POLL_FIRST_MS; ; pause_ms = Math.min(VERIFY_POLL_MAX_MS, pause_ms * 2)) {
      this.#check();
      const value = { transfer: this.#transfer, programId: this.#order.id };
      const reply = await this.#session.exchange('FinishLoad', { type: 'finishLoad', value });
      const result = reply.body?.type === 'loadResult' ? reply.body.value : null;
      const status = reply.status ?? { code: Code.OK, detail: 0, message: '', retryAfterMs: 0 };
      if (status.code === Code.DATA_LOSS) return this.#badRanges(result, status);
      if (status.code === Code.FAILED_PRECONDITION) return 'incomplete';
      if (status.code !== Code.OK) throw refusal('FinishLoad', status);
      if (result === null)
        throw new LinkError('protocol-error', 'FinishLoad was answered without a LoadResult');
      if (isLoaded(result.state)) return null;
      if (result.state !== LoadState.VERIFYING) return 'incomplete';
      if (this.#session.clock.now_ms() > deadline_ms) {
        throw new LinkError(
          'link-timeout',
          `the device is still verifying after ${VERIFY_LIMIT_MS / 1000} s`,
        );
      }
      await this.#bell.wait(pause_ms);
    }
  }

  /** The listed pages; without a list, or with a full one, all of them. */
  #badRanges(result: LoadResult | null, status: Status): ByteRange[] {
    this.#session.counters.digestFailures += 1;
    // A patch that gives another image was made against another base: sending it again would not help.
    if (this.#isPatch && result?.state !== LoadState.LOADING) throw refusal('FinishLoad', status);
    const pages = result?.badPages ?? [];
    if (pages.length === 0 || pages.length >= MAX_LISTED_PAGES)
      return [{ from: 0, to: this.#order.data.length }];
    return pages.map((page) => ({ from: page * PAGE_BYTES, to: (page + 1) * PAGE_BYTES }));
  }

  get #isPatch(): boolean {
    return this.#order.baseId.length > 0;
  }

  /** Throws when the caller gave up or the link is over; a half-loaded image stays in the device for a resume. */
  #check(): void {
    if (this.#options.signal?.aborted) {
      throw new LinkError('cancelled', 'the load was cancelled', { cause: this.#options.signal.reason });
    }
    if (this.#session.closed !== null) throw this.#session.closed;
  }
}

/** link.options: max_count of bad_pages; a full list may not be the whole truth. */
const MAX_LISTED_PAGES = 32;

const isLoaded = (state: number): boolean => state === LoadState.STAGED || state === LoadState.ACTIVE;

function plainMissing(report: { missing: Range[]; moreMissing: boolean }): {
  missing: ByteRange[];
  moreMissing: boolean;
} {
  const missing = report.missing.map(({ from, to }) => ({ from: Number(from), to: Number(to) }));
  return { missing, moreMissing: report.moreMissing };
}
