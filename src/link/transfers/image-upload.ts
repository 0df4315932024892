// Brings an image into the device (link-protocol section 6): BeginLoad, chunks under the plan's window, FinishLoad,
// and the device's own verdict on what is in the memory that the chip is driven from.
import { createHash } from 'node:crypto';
import { FrameFlag } from '../frame/index.ts';
import {
  BULK_HEADER_BYTES,
  Code,
  encodeBulk,
  ImageKind,
  LoadState,
  type Bank,
  type LoadAccepted,
  type LoadReport,
  type LoadResult,
  type Range,
} from '../messages/index.ts';
import { LinkError } from '../session/link-error.ts';
import { refusal } from '../session/refusal.ts';
import { MAX_RTO_MS } from '../session/rtt-estimator.ts';
import type { Session } from '../session/session.ts';
import { Bell } from './bell.ts';
import type { ByteRange } from './range-set.ts';
import type { LoadOptions, LoadOutcome } from './types.ts';
import { UploadPlan, type NextChunk } from './upload-plan.ts';

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

/** Loads `image` and resolves once the device has verified it. Rejects with LinkError. */
export async function loadImage(
  session: Session,
  image: Uint8Array,
  options: LoadOptions,
): Promise<LoadOutcome> {
  const upload = new ImageUpload(session, image, options);
  try {
    return await upload.run();
  } finally {
    upload.dispose();
  }
}

class ImageUpload {
  readonly #session: Session;
  readonly #image: Uint8Array;
  readonly #options: LoadOptions;
  readonly #id: Uint8Array;
  readonly #chunk_bytes: number;
  readonly #bell: Bell;
  readonly #unlisten: () => void;
  readonly #started_ms: number;
  #transfer = 0;
  #plan: UploadPlan | null = null;
  #sent_bytes = 0;
  #lastReport_ms = 0;
  #lastSent_ms = 0;
  #backoff = 1;
  readonly #onAbort = (): void => this.#bell.ring();

  constructor(session: Session, image: Uint8Array, options: LoadOptions) {
    const { limits } = session.hello;
    this.#session = session;
    this.#image = image;
    this.#options = options;
    this.#id = createHash('sha256').update(image).digest();
    const room = Math.min(limits.chunkBytes, limits.maxPayload - BULK_HEADER_BYTES);
    this.#chunk_bytes = Math.max(CHUNK_MULTIPLE_BYTES, room - (room % CHUNK_MULTIPLE_BYTES));
    this.#started_ms = session.clock.now_ms();
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

  async run(): Promise<LoadOutcome> {
    this.#check();
    const bank = this.#options.bank ?? (await this.#chooseBank());
    const accepted = await this.#begin(bank);
    if (isLoaded(accepted.state)) return this.#outcome(true);
    let repairs = 0;
    for (let round = 0; ; round += 1) {
      await this.#transferAll(bank);
      const bad = await this.#verify();
      if (bad === null) return this.#outcome(false);
      if (bad === 'incomplete' && round < MAX_ROUNDS) {
        await this.#begin(bank); // its answer lists what is missing
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

  #outcome(skipped: boolean): LoadOutcome {
    return {
      programId: Buffer.from(this.#id).toString('hex'),
      sentBytes: this.#sent_bytes,
      skipped,
      duration_ms: this.#session.clock.now_ms() - this.#started_ms,
    };
  }

  /** The bank that holds the image or part of it, else the one whose loss costs least; never the active one. */
  async #chooseBank(): Promise<number> {
    if (this.#options.kind === 'field') return 0;
    const status = await this.#session.request('GetStatus', { type: 'getStatus', value: {} }, 'deviceStatus');
    const cost = (bank: Bank): number => {
      if (Buffer.compare(bank.programId, this.#id) === 0) return 0;
      if (bank.state === LoadState.EMPTY || bank.state === LoadState.UNSPECIFIED) return 1;
      if (bank.state === LoadState.ACTIVE) return 4;
      return bank.state === LoadState.STAGED ? 3 : 2;
    };
    const banks = [...status.bank].sort((a, b) => cost(a) - cost(b) || a.index - b.index);
    return banks.at(0)?.index ?? 0;
  }

  async #begin(bank: number): Promise<LoadAccepted> {
    const isField = this.#options.kind === 'field';
    const value = {
      programId: this.#id,
      kind: isField ? ImageKind.FIELD : ImageKind.PROGRAM,
      totalBytes: this.#image.length,
      bank,
      chunkBytes: this.#chunk_bytes,
      layout: { units: this.#options.units, ...LAYOUT },
      baseProgramId: new Uint8Array(0),
    };
    const accepted = await this.#session.request('BeginLoad', { type: 'beginLoad', value }, 'loadAccepted');
    this.#transfer = accepted.transfer;
    this.#plan ??= new UploadPlan({
      total_bytes: this.#image.length,
      chunk_bytes: this.#chunk_bytes,
      window_bytes: Math.max(
        this.#chunk_bytes,
        accepted.windowBytes || this.#session.hello.limits.loadWindowBytes,
      ),
    });
    this.#plan.onReport(plainMissing(accepted));
    this.#lastReport_ms = this.#session.clock.now_ms();
    return accepted;
  }

  /** Sends until the device has reported every byte as received. */
  async #transferAll(bank: number): Promise<void> {
    const plan = this.#plan;
    if (plan === null) return;
    const now_ms = (): number => this.#session.clock.now_ms();
    this.#lastReport_ms = now_ms();
    this.#backoff = 1;
    this.#session.setBulkSource({ next: () => this.#nextFrame(plan.next()) });
    while (!plan.isComplete) {
      if (plan.needsQuery) await this.#begin(bank);
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
    this.#sent_bytes += to - from;
    if (replay) this.#session.counters.txReplayBytes += to - from;
    this.#lastSent_ms = this.#session.clock.now_ms();
    const flags =
      (reportNow ? FrameFlag.reportNow : 0) | (last ? FrameFlag.last : 0) | (replay ? FrameFlag.replay : 0);
    const data = this.#image.subarray(from, to);
    return { flags, payload: encodeBulk({ id: this.#transfer, offset: from, data }) };
  }

  #onReport(report: LoadReport): void {
    if (this.#plan === null || report.transfer !== this.#transfer) return;
    this.#lastReport_ms = this.#session.clock.now_ms();
    const missing = { ...plainMissing(report), received_bytes: report.receivedBytes };
    if (this.#plan.onReport(missing)) this.#backoff = 1;
    this.#options.onProgress?.(Math.min(report.receivedBytes, this.#image.length), this.#image.length);
    if (this.#plan.isComplete) this.#bell.ring();
    else this.#session.pump();
  }

  /** Lets the device check its memory: null when it holds the image, else the pages to send again, if it has all. */
  async #verify(): Promise<ByteRange[] | 'incomplete' | null> {
    const deadline_ms = this.#session.clock.now_ms() + VERIFY_LIMIT_MS;
    for (let pause_ms = VERIFY_POLL_FIRST_MS; ; pause_ms = Math.min(VERIFY_POLL_MAX_MS, pause_ms * 2)) {
      this.#check();
      const value = { transfer: this.#transfer, programId: this.#id };
      const reply = await this.#session.exchange('FinishLoad', { type: 'finishLoad', value });
      const result = reply.body?.type === 'loadResult' ? reply.body.value : null;
      const status = reply.status ?? { code: Code.OK, detail: 0, message: '', retryAfterMs: 0 };
      if (status.code === Code.DATA_LOSS) return this.#badRanges(result);
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

  /** The listed pages; without a list, or with a full one, the whole image. */
  #badRanges(result: LoadResult | null): ByteRange[] {
    this.#session.counters.digestFailures += 1;
    const pages = result?.badPages ?? [];
    if (pages.length === 0 || pages.length >= MAX_LISTED_PAGES) return [{ from: 0, to: this.#image.length }];
    return pages.map((page) => ({ from: page * PAGE_BYTES, to: (page + 1) * PAGE_BYTES }));
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
