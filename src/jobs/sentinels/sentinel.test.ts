// When probes run, and what becomes of them, on a virtual clock and a device that answers at once with made-up codes: units
// stand where they are driven, with thermal noise.
import { describe, expect, it } from 'vitest';
import { twinCapabilities } from '../../../test/support/device-facts.ts';
import { gaussianFrom } from '../../../test/support/gaussian.ts';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import type { DriftFindings } from '../../calibration/drift/index.ts';
import {
  planMeasure,
  type MeasureRequest,
  type OperationOptions,
  type RelaxResult,
} from '../../device/index.ts';
import { emptyModel, quantise } from '../../physics/index.ts';
import type { RelaxDevice } from '../device-port.ts';
import { planRound } from './probes.ts';
import { Sentinel } from './sentinel.ts';
import { SENTINEL_DEFAULTS, type SentinelSettings } from './types.ts';

const UNITS = 4;
const PROBE_MS = 20;
const UID = 'aa';

function glimmer(units: number) {
  const model = emptyModel(units);
  for (let i = 0; i < units; i++)
    for (let j = 0; j < units; j++)
      model.couplings[i * units + j] = i === j ? 0 : 0.1 / (1 + Math.abs(i - j));
  return quantise(model, { stateScale: 2 ** -10 });
}

class Bench {
  readonly clock = new VirtualClock();
  readonly capabilities = twinCapabilities();
  readonly program = glimmer(UNITS);
  readonly findings: DriftFindings[] = [];
  readonly seeds: bigint[] = [];
  woken = 0;
  failure: Error | null = null;
  uid = UID;
  readonly sentinel: Sentinel<RelaxDevice>;
  readonly #gaussian = gaussianFrom(1);

  constructor(settings: Partial<SentinelSettings> = {}) {
    let seed = 0n;
    this.sentinel = new Sentinel({
      device: {
        id: 'twin-0',
        capabilities: this.capabilities,
        measure: (request: MeasureRequest, options: OperationOptions) => this.#measure(request, options),
      } as unknown as RelaxDevice,
      settings: { ...SENTINEL_DEFAULTS, share: 0.1, period_s: 10, ...settings },
      deviceClock: this.clock,
      wall_ms: () => this.clock.wall_ms(),
      seed: () => (seed += 1n),
      wake: () => this.woken++,
      onFindings: (_watch, found) => Promise.resolve(void this.findings.push(found)),
    });
  }

  sawJob(programId = 'p1'): void {
    this.sentinel.sawProgram(this.program, { programId, device: { uid: this.uid } as RelaxResult['device'] });
  }

  probe({ abort = new AbortController(), idle = true } = {}): Promise<void> {
    return this.clock.settle(this.sentinel.probe(abort.signal, { host: null, fence: null }, idle));
  }

  /** Probes whenever one is due, as a lane does that has nothing else to do. */
  async idle(duration_s: number, enough = (): boolean => false): Promise<void> {
    const end_ms = this.clock.now_ms() + duration_s * 1000;
    while (this.clock.now_ms() < end_ms && !enough()) {
      if (this.sentinel.isDue(true)) await this.probe();
      else await this.clock.pass(5);
    }
  }

  async #measure(request: MeasureRequest, options: OperationOptions): Promise<RelaxResult> {
    const { reads } = planMeasure(request, this.capabilities);
    if (request.seed !== undefined) this.seeds.push(request.seed);
    await new Promise<void>((resolve) => this.clock.after(PROBE_MS, resolve));
    options.signal?.throwIfAborted();
    if (this.failure !== null) throw this.failure;
    const driven = request.phases.filter(({ readAt_s }) => readAt_s !== undefined);
    const codes = new Int16Array(request.samples * reads.length * UNITS);
    for (let k = 0; k < codes.length; k++) {
      const read = Math.floor(k / UNITS) % reads.length;
      const force = driven[Math.floor(read / 2)].field?.force_E0[k % UNITS] ?? 0;
      codes[k] = Math.round((Math.sign(force) * 1.3 + 0.15 * this.#gaussian()) * 1024);
    }
    const result = { codes, samples: request.samples, reads, units: UNITS, stateScale: 2 ** -10 };
    return { ...result, device: { uid: this.uid } } as RelaxResult;
  }
}

const ofCouplings = ({ readings }: DriftFindings): boolean => readings[0].quantity === 'coupling';

describe('sentinel', () => {
  it('says why there is nothing before a job has run, and without a share', () => {
    const bench = new Bench();
    expect(bench.sentinel.isDue(true)).toBe(false);
    expect(bench.sentinel.state.reason).toContain('no job has run');
    const off = new Bench({ share: 0 });
    off.sawJob();
    expect(off.sentinel.isDue(true)).toBe(false);
    expect(off.sentinel.state.reason).toContain('THERMOLOOP_SENTINEL_SHARE');
  });

  it('takes its baseline while nobody waits, and keeps to its share and its period afterwards', async () => {
    const bench = new Bench();
    bench.sawJob();
    expect(bench.sentinel.isDue(true)).toBe(true);
    await bench.idle(600, () => bench.findings.filter(ofCouplings).length === 6);
    const { calibrating_s, probed_s } = bench.sentinel.state;
    expect(probed_s).toBe(0);
    expect(calibrating_s).toBeGreaterThan(0);
    const from_ms = bench.clock.now_ms();
    await bench.idle(600);
    const took_s = (bench.clock.now_ms() - from_ms) / 1000;
    const rounds = bench.findings.filter(ofCouplings).slice(6);
    expect(rounds.length).toBeGreaterThanOrEqual(59);
    expect(rounds.length).toBeLessThanOrEqual(61);
    expect(bench.sentinel.state.probed_s / took_s).toBeLessThan(0.1);
    const [first] = rounds[0].readings;
    expect(first).toMatchObject({ quantity: 'coupling', isBaseline: false });
    expect(bench.sentinel.state).toMatchObject({
      reason: null,
      program: 'p1',
      deviceUid: UID,
      quantities: { coupling: { isBaseline: false }, noiseTemperature: { isBaseline: false } },
    });
    expect(new Set(bench.seeds).size).toBe(bench.seeds.length);
  });

  it('keeps a busy device to the share, also for its baseline', async () => {
    const bench = new Bench({ share: 0.05, period_s: 0 });
    bench.sawJob();
    const from_ms = bench.clock.now_ms();
    let probes = 0;
    while (bench.clock.now_ms() - from_ms < 120_000) {
      if (bench.sentinel.isDue(false)) {
        await bench.probe({ idle: false });
        probes++;
      } else await bench.clock.pass(10);
    }
    expect(probes).toBeGreaterThan(20);
    const took_s = (probes * PROBE_MS) / 1000;
    expect(took_s / 120).toBeLessThan(0.051);
  });

  it('pauses after a failure, keeps the round, and forgets results of another chip', async () => {
    const bench = new Bench();
    bench.sawJob();
    bench.failure = new Error('link-lost');
    await expect(bench.probe()).rejects.toThrow('link-lost');
    expect(bench.sentinel.isDue(true)).toBe(false);
    bench.failure = null;
    await bench.clock.pass(10_000);
    expect(bench.woken).toBeGreaterThan(0);
    bench.uid = 'bb';
    await bench.probe();
    expect(bench.sentinel.state.lastProbe_ms).toBeNull();
    bench.uid = UID;
    await bench.probe();
    expect(bench.sentinel.state.lastProbe_ms).not.toBeNull();
    expect(bench.findings).toHaveLength(1);
  });

  it('ends with the reason of an abort, without a pause', async () => {
    const bench = new Bench();
    bench.sawJob();
    const abort = new AbortController();
    const ended = bench.probe({ abort });
    abort.abort(new Error('a stop'));
    await expect(ended).rejects.toThrow('a stop');
    expect(bench.sentinel.isDue(true)).toBe(true);
  });

  it('keeps a baseline per program, and starts over after a calibration', async () => {
    const bench = new Bench();
    bench.sawJob();
    await bench.idle(600, () => bench.findings.filter(ofCouplings).length === 7);
    bench.sawJob('p2');
    expect(bench.sentinel.state).toMatchObject({ program: 'p2', quantities: { coupling: null } });
    await bench.idle(60, () => bench.findings.filter(ofCouplings).length === 8);
    expect(bench.findings.at(-1)?.readings[0]).toMatchObject({ isBaseline: true });
    bench.sawJob('p1');
    await bench.idle(60, () => bench.findings.filter(ofCouplings).length === 9);
    expect(bench.findings.at(-1)?.readings[0]).toMatchObject({ isBaseline: false });
    bench.sentinel.calibrated('other', ['coupling', 'gain']);
    expect(bench.sentinel.state.quantities.coupling).not.toBeNull();
    bench.sentinel.calibrated(UID, ['coupling', 'gain']);
    expect(bench.sentinel.state.quantities).toMatchObject({
      coupling: null,
      noiseTemperature: { isBaseline: false },
    });
    await bench.idle(60, () => bench.findings.filter(ofCouplings).length === 10);
    expect(bench.findings.at(-1)?.readings[0]).toMatchObject({ quantity: 'coupling', isBaseline: true });
  });
});

describe('round of probes', () => {
  it('fits the schedule of a device, whatever it can', () => {
    for (const units of [2, 13, 64, 128])
      for (const change of [{}, { phasesMax: 2 }, { fieldSlots: 1 }, { stepMax_s: 5e-9, timeUnit_s: 2e-6 }]) {
        const capabilities = twinCapabilities(change);
        const plan = planRound(glimmer(units), capabilities);
        const seen = new Set<number>();
        for (let k = 0; k < plan.length; k++) {
          const probe = plan.probe(k);
          expect(planMeasure(probe.request, capabilities).samples).toBe(probe.request.samples);
          if (probe.kind === 'driven') for (let p = 0; p < probe.count; p++) seen.add(probe.first + p);
        }
        expect(seen.size).toBe(plan.patterns.length);
      }
  });

  it('has no driven part where there are no couplings, or too many units', () => {
    const none = planRound(quantise(emptyModel(8)), twinCapabilities());
    expect([none.length, none.withoutCouplings]).toEqual([1, 'the program has no couplings']);
    const large = planRound(glimmer(200), twinCapabilities());
    expect(large.length).toBe(1);
    expect(large.withoutCouplings).toContain('128 units');
  });
});
