// What a Device counts over all its sessions; plain numbers that monitoring reads.
import { sumLinkCounters, type LinkCounters } from '../link/index.ts';
import type { DeviceCounters, RelaxResult } from './types.ts';

export class DeviceCounting {
  readonly totals: DeviceCounters = {
    connects: 0,
    connectFailures: {},
    losses: {},
    operations: 0,
    operationsFailed: {},
    uploads: 0,
    uploadsSkipped: 0,
    uploadsPatched: 0,
    uploadedBytes: 0,
    samples: 0,
    sampleBytes: 0,
    link: null,
    linkTotals: null,
  };

  /** A copy, with the counters of the link's present session and those of all sessions together. */
  read(session: LinkCounters | null): DeviceCounters {
    const { linkTotals: ended } = this.totals;
    const linkTotals = session === null ? ended : sumLinkCounters(ended, session);
    return { ...structuredClone(this.totals), link: session, linkTotals };
  }

  /** Adds one to a reason or code. */
  note<K extends string>(counts: Partial<Record<K, number>>, code: K): void {
    counts[code] = (counts[code] ?? 0) + 1;
  }

  result({ programId, timing, samples, codes }: RelaxResult): void {
    const { totals } = this;
    const needsProgram = programId !== '';
    totals.uploads += needsProgram && !timing.skippedUpload ? 1 : 0;
    totals.uploadsSkipped += needsProgram && timing.skippedUpload ? 1 : 0;
    totals.uploadsPatched += timing.patchedUpload ? 1 : 0;
    totals.uploadedBytes += timing.sentBytes;
    totals.samples += samples;
    totals.sampleBytes += codes.byteLength;
  }

  /** A session is over: what it counted must not be lost with it. */
  sessionEnded(link: LinkCounters): void {
    this.totals.linkTotals = sumLinkCounters(this.totals.linkTotals, link);
  }
}
