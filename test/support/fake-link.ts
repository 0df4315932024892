// A Link without bytes, for tests of the floor above: answers at once, keeps what it was asked, and breaks on request.
import { createHash } from 'node:crypto';
import {
  LinkError,
  type Capabilities,
  type DeviceStatus,
  type Event,
  type Link,
  type LinkIdentity,
  type ReferenceRunRequest,
  type RunOptions,
  type RunRequest,
  type RunResult,
} from '../../src/link/index.ts';
import { newLinkCounters } from '../../src/link/session/counters.ts';

const range = { fullScaleMin: 1e-3, fullScaleMax: 100, signedCodes: true, codeBits: 12 };
const capabilities: Capabilities = {
  unitsMax: 64,
  topologyMask: 2,
  imageVersion: 1,
  coupling: range,
  bias: range,
  field: range,
  j2: range,
  j4: range,
  noiseTemperature: range,
  stateRail: 2,
  adcBits: 12,
  stateScale: 2 ** -10,
  timeUnitS: 1e-6,
  stepNsDefault: 1,
  stepNsMin: 1,
  stepNsMax: 10,
  phaseNsMax: 1_000_000_000n,
  phasesMax: 4,
  readsPerPhaseMax: 2,
  samplesMax: 1000,
  seed: true,
  clamp: false,
  initialMask: 2,
  recordBytesMax: 65_536,
  referenceLevelMaxX: 1.5,
  referenceUncertaintyRatio: 1e-3,
  telemetryMask: 0,
  telemetryMsMin: 0,
  telemetryMsMax: 0,
  dieDerateC: 0,
  dieTripC: 0,
  dieClearC: 0,
};

export class FakeLink implements Link {
  readonly identity: LinkIdentity;
  /** Names of what was asked, in order. */
  readonly calls: string[] = [];
  readonly runs: RunRequest[] = [];
  readonly references: ReferenceRunRequest[] = [];
  /** Ids in the field slots; a test may put another there. */
  readonly slots: string[] = [];
  /** Slots that a field was written into, in order. */
  readonly written: number[] = [];
  /** Bytes of a record; tests set it to what the plan expects. */
  recordBytes = 18;
  /** DeviceState of the next status. */
  deviceState = 1;
  /** Keeps runs waiting until they are released, lost or cancelled. */
  holdRuns = false;
  /** Loads say that a patch brought the image. */
  patches = false;
  /** The next run or load rejects with this. */
  nextError: LinkError | null = null;
  #held: (() => void)[] = [];
  #staged = new Set<string>();
  #closed: LinkError | null = null;
  #onClosed: ((why: LinkError) => void)[] = [];
  #onEvent: ((event: Event) => void)[] = [];

  constructor(identity: Partial<LinkIdentity> = {}) {
    this.identity = {
      uid: 'c0ffee',
      simulated: true,
      replayed: false,
      bootId: 0xabcn,
      firmware: '1.0.0',
      firmwareGit: '00',
      schemaHash: 0x1234,
      limits: { fieldSlots: 8 } as LinkIdentity['limits'],
      session: 7,
      ...identity,
    };
  }

  /** What a test changes. */
  capable: Partial<Capabilities> = {};
  faults: DeviceStatus['fault'] = [];
  async capabilities(): Promise<Capabilities> {
    return { ...capabilities, ...this.capable };
  }
  async status(): Promise<DeviceStatus> {
    return {
      state: this.deviceState,
      bootId: 0xabcn,
      uptimeUs: 0n,
      bank: [],
      fault: this.faults,
    } as DeviceStatus;
  }
  async load(image: Uint8Array, options: Parameters<Link['load']>[1]): ReturnType<Link['load']> {
    this.calls.push(options.kind === 'field' ? 'load field' : 'load');
    this.#throwNext();
    const programId = createHash('sha256').update(image).digest('hex');
    const isField = options.kind === 'field';
    const skipped = isField ? this.slots.includes(programId) : this.#staged.has(programId);
    if (isField && !skipped) this.#write(programId, options.bank ?? 0);
    if (!isField) this.#staged.add(programId);
    if (!skipped) options.onProgress?.(image.length, image.length);
    return {
      programId,
      sentBytes: skipped ? 0 : image.length,
      skipped,
      patched: this.patches && !skipped,
      duration_ms: 1,
    };
  }
  async forecastLoad(image: Uint8Array, id: string): ReturnType<Link['forecastLoad']> {
    this.calls.push('forecast');
    this.#throwNext();
    return this.#staged.has(id) ? { sends: 'nothing', bytes: 0 } : { sends: 'image', bytes: image.length };
  }
  async activate(): Promise<void> {
    this.calls.push('activate');
  }
  async run(request: RunRequest, options: RunOptions = {}): Promise<RunResult> {
    this.calls.push('run');
    this.runs.push(request);
    return this.#records(request.samples, options);
  }
  async readReference(request: ReferenceRunRequest, options: RunOptions = {}): Promise<RunResult> {
    this.calls.push('readReference');
    this.references.push(request);
    return this.#records(request.samples, options);
  }
  async #records(samples: number, options: RunOptions): Promise<RunResult> {
    this.#throwNext();
    if (this.holdRuns) {
      await new Promise<void>((resolve, reject) => {
        this.#held.push(resolve);
        options.signal?.addEventListener('abort', () => {
          this.calls.push('stop');
          reject(new LinkError('cancelled', 'stopped'));
        });
      });
    }
    const bytes = new Uint8Array(samples * this.recordBytes);
    options.onRecords?.(bytes, bytes.length, bytes.length);
    const digest = createHash('sha256').update(bytes).digest('hex');
    return { bytes, digest, recordBytes: this.recordBytes, samples };
  }
  async stop(): Promise<void> {
    this.calls.push('stop');
  }
  async ping(): Promise<number> {
    return 1;
  }
  async clearFault(code: number): Promise<void> {
    this.calls.push(`clearFault ${code}`);
    this.#throwNext();
  }
  counters(): ReturnType<Link['counters']> {
    return newLinkCounters();
  }
  async subscribeTelemetry(period_ms: number, mask: number): Promise<void> {
    this.calls.push(`subscribeTelemetry ${period_ms} ${mask.toString(2)}`);
    this.#throwNext();
  }
  onEvent(callback: (event: Event) => void): void {
    this.#onEvent.push(callback);
  }
  /** What the device says by itself. */
  emit(body: NonNullable<Event['body']>): void {
    for (const callback of this.#onEvent) callback({ bootId: 0xabcn, uptimeUs: 0n, eventSeq: 1, body });
  }
  onClosed(callback: (why: LinkError) => void): void {
    this.#onClosed.push(callback);
  }
  async close(): Promise<void> {
    this.lose(new LinkError('cancelled', 'closed'));
  }

  get isClosed(): boolean {
    return this.#closed !== null;
  }
  /** Lets held runs finish. */
  release(): void {
    for (const resolve of this.#held.splice(0)) resolve();
  }
  /** The link is over; held runs stay pending, as the worst link would leave them. */
  lose(why = new LinkError('link-lost', 'the cable was pulled')): void {
    if (this.#closed !== null) return;
    this.#closed = why;
    for (const callback of this.#onClosed) callback(why);
  }

  #write(id: string, slot: number): void {
    this.slots[slot] = id;
    this.written.push(slot);
  }

  #throwNext(): void {
    const error = this.nextError;
    this.nextError = null;
    if (error !== null) throw error;
  }
}
