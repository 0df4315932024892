// A device for tests of the jobs floor: does what it is told, at once or when it is released.
import type {
  OperationOptions,
  RelaxRequest,
  RelaxResult,
  TelemetryReading,
} from '../../src/device/index.ts';
import type { Backend, RelaxDevice } from '../../src/jobs/index.ts';

/** 8 units at most, times in steps of 1 ns, as the twin has them. */
export const CAPABILITIES: NonNullable<RelaxDevice['capabilities']> = {
  unitsMax: 8,
  imageVersion: 1,
  topologies: [1],
  ranges: { coupling: { fullScaleMin_E0: 0, fullScaleMax_E0: 1 }, stateScale: 2 ** -10 },
  stateRail: 2,
  adcBits: 12,
  timeUnit_s: 1e-6,
  stepDefault_s: 1e-9,
  stepMin_s: 1e-9,
  stepMax_s: 1e-8,
  phaseMax_s: 1,
  phasesMax: 4,
  readsPerPhaseMax: 2,
  samplesMax: 10_000,
  recordBytesMax: 1_000,
  seed: true,
  telemetry: null,
  fieldSlots: 8,
  reference: null,
  dieLimits: null,
};

export class FakeDevice implements RelaxDevice {
  /** What its meters say at each look, in order; the last one stays. Empty: it has none. */
  readonly meters: TelemetryReading[] = [];
  readonly id: string;
  state: RelaxDevice['state'] = 'ready';
  reason: RelaxDevice['reason'] = null;
  backend: Backend | null = 'twin';
  faultsActive = false;
  identity: RelaxDevice['identity'] = { uid: FAKE_IDENTITY.uid };
  capabilities: RelaxDevice['capabilities'] = CAPABILITIES;
  /** Samples of each run, in order: names the jobs in tests of order. */
  readonly ran: number[] = [];
  /** While set, runs wait for `release`. */
  held = false;
  /** The next run fails with this. */
  failWith: Error | null = null;
  /** The next run fails with this after its samples have come. */
  failAfterSamples: Error | null = null;
  /** Samples that were told before the end of a run, over all runs. */
  samplesTold = 0;
  /** What it says of a load; absent: nothing. */
  forecastLoad?: RelaxDevice['forecastLoad'];
  readonly #listeners = new Set<() => void>();
  #released = Promise.withResolvers<void>();
  #started = Promise.withResolvers<void>();

  constructor(id = 'twin-0') {
    this.id = id;
  }

  onChange(callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  get telemetry(): RelaxDevice['telemetry'] {
    const status = { latest: this.meters[0] ?? null, reason: null };
    const readNow = async (): Promise<TelemetryReading | null> =>
      this.meters.length > 1 ? (this.meters.shift() ?? null) : status.latest;
    return { status, readNow };
  }

  become(state: RelaxDevice['state']): void {
    this.state = state;
    for (const listener of this.#listeners) listener();
  }

  /** Resolves when a run has started. */
  async started(): Promise<void> {
    await this.#started.promise;
    this.#started = Promise.withResolvers();
  }

  /** Lets the run that is held go on. */
  release(): void {
    this.#released.resolve();
    this.#released = Promise.withResolvers();
  }

  async relax(request: RelaxRequest, options: OperationOptions): Promise<RelaxResult> {
    if (this.state !== 'ready') throw Object.assign(new Error('busy'), { code: 'busy' });
    this.become('running');
    this.ran.push(request.samples);
    this.#started.resolve();
    try {
      options.onProgress?.({ phase: 'programming', done: 10, total: 10 });
      options.onProgress?.({ phase: 'relaxing', done: 0, total: request.samples });
      if (this.held) await Promise.race([this.#released.promise, aborted(options.signal)]);
      if (this.failWith !== null) throw this.failWith;
      options.onProgress?.({ phase: 'reading', done: request.samples, total: request.samples });
      const result = resultOf(request);
      this.samplesTold += tellSamples(result, options);
      if (this.failAfterSamples !== null) throw this.failAfterSamples;
      return result;
    } finally {
      this.failWith = null;
      this.failAfterSamples = null;
      // Not when a test has taken the device away meanwhile.
      if ((this.state as string) === 'running') this.become('ready');
    }
  }
}

/** The first sample alone, then the others, as a link that is slow at first. Returns how many were wanted. */
function tellSamples({ codes, samples }: RelaxResult, options: OperationOptions): number {
  const perSample = codes.length / samples;
  let told = 0;
  for (const [from, to] of [
    [0, 1],
    [1, samples],
  ]) {
    if (from >= to || options.onSamples === undefined || options.wantsSamples?.() === false) continue;
    options.onSamples(codes.slice(from * perSample, to * perSample), from);
    told += to - from;
  }
  return told;
}

/** Who the fake says it is, in every result. */
export const FAKE_IDENTITY: RelaxResult['device'] = {
  uid: 'cafe',
  backend: 'twin',
  bootId: '1',
  firmware: '0.1',
  schemaHash: '2',
  clock: { kind: 'system' },
};

/** x = 1 in every unit at switch-on, 0.5 at every read. */
function resultOf(request: RelaxRequest): RelaxResult {
  const { program, samples, readAt_s, recordSwitchOn } = request;
  const reads: RelaxResult['reads'] = readAt_s.map((time_s) => ({ time_s, label: 'read' }));
  if (recordSwitchOn) reads.unshift({ time_s: 0, label: 'switch-on' });
  const codes = new Int16Array(samples * reads.length * program.units);
  for (let k = 0; k < codes.length; k++) {
    const read = Math.floor(k / program.units) % reads.length;
    codes[k] = reads[read].label === 'switch-on' ? 1024 : 512;
  }
  return {
    codes,
    samples,
    reads,
    units: program.units,
    stateScale: 2 ** -10,
    programId: 'aa',
    digest: 'bb',
    step_s: request.step_s ?? 1e-9,
    seed: request.seed?.toString() ?? null,
    noiseTemperature_ratio: request.noiseTemperature_ratio,
    timing: {
      upload_s: 0.1,
      relax_s: 0.2,
      total_s: 0.3,
      sentBytes: 100,
      skippedUpload: false,
      patchedUpload: false,
    },
    device: FAKE_IDENTITY,
  };
}

function aborted(signal?: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(Object.assign(new Error('cancelled'), { code: 'cancelled' }));
    if (signal?.aborted === true) fail();
    signal?.addEventListener('abort', fail, { once: true });
  });
}
