// The watch over one device: which program is on it, whether a probe is due between two jobs, and what the last rounds said.
import { driftQuantities, type DriftFindings, type DriftQuantity } from '../../calibration/drift/index.ts';
import type { Clock } from '../../clock/clock.ts';
import type { RelaxResult } from '../../device/index.ts';
import type { QuantisedProgram } from '../../physics/index.ts';
import type { Attempter } from '../attempts.ts';
import type { RelaxDevice } from '../device-port.ts';
import { ProgramWatch } from './program-watch.ts';
import { ShareOfTime } from './share.ts';
import type { DriftOfQuantity, DriftState, SentinelSettings } from './types.ts';

/** Programs that keep their baselines while others have their turn. */
const KEPT_PROGRAMS = 4;
/** After a probe that failed. */
const PAUSE_MS = 10_000;

export interface SentinelParts<D extends RelaxDevice> {
  device: D;
  settings: SentinelSettings;
  /** The time of the device. */
  deviceClock: Pick<Clock, 'now_ms' | 'after'>;
  /** Wall time of jobs and rows. */
  wall_ms: () => number;
  /** A 64-bit number that never comes again, for devices that take seeds. */
  seed: () => bigint;
  /** A probe may be due. */
  wake(): void;
  /** Something was found. */
  onFindings(watch: ProgramWatch, findings: DriftFindings, by: Attempter): Promise<void>;
}

export class Sentinel<D extends RelaxDevice> {
  readonly #parts: SentinelParts<D>;
  readonly #share: ShareOfTime;
  readonly #started_ms: number;
  readonly #kept = new Map<string, ProgramWatch>();
  #watch: ProgramWatch | null = null;
  #roundFrom_ms = -Infinity;
  #pausedUntil_ms = -Infinity;
  #timer: { cancel(): void } | null = null;
  #lastProbe_ms: number | null = null;
  #probed_ms = 0;
  #calibrating_ms = 0;
  readonly #latest = new Map<DriftQuantity, DriftOfQuantity>();
  readonly #alarms = new Set<DriftQuantity>();

  constructor(parts: SentinelParts<D>) {
    this.#parts = parts;
    this.#started_ms = parts.deviceClock.now_ms();
    this.#share = new ShareOfTime(parts.settings.share, this.#started_ms);
  }

  get state(): DriftState {
    const { deviceClock } = this.#parts;
    const of = (quantity: DriftQuantity): DriftOfQuantity | null => this.#latest.get(quantity) ?? null;
    return {
      reason: this.#reason(),
      deviceUid: this.#watch?.deviceUid ?? null,
      program: this.#watch?.programId ?? null,
      quantities: {
        coupling: of('coupling'),
        gain: of('gain'),
        offset: of('offset'),
        noiseTemperature: of('noiseTemperature'),
      },
      alarms: driftQuantities.filter((quantity) => this.#alarms.has(quantity)),
      lastProbe_ms: this.#lastProbe_ms,
      probed_s: this.#probed_ms / 1000,
      calibrating_s: this.#calibrating_ms / 1000,
      elapsed_s: (deviceClock.now_ms() - this.#started_ms) / 1000,
    };
  }

  /** A job has run this program. */
  sawProgram(program: QuantisedProgram, run: Pick<RelaxResult, 'programId' | 'device'>): void {
    const { device, settings } = this.#parts;
    const { capabilities } = device;
    if (settings.share === 0 || capabilities === null || device.measure === undefined) return;
    const id = { programId: run.programId, deviceUid: run.device.uid };
    const key = `${id.deviceUid} ${id.programId}`;
    const watch = this.#kept.get(key) ?? new ProgramWatch(id, program, capabilities);
    this.#kept.delete(key);
    this.#kept.set(key, watch);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_PROGRAMS) break;
      this.#kept.delete(oldest);
    }
    if (watch !== this.#watch) {
      this.#watch = watch;
      this.#latest.clear();
    }
    this.#later();
  }

  /** A calibration of the chip counts from now on: its state now is what later ones are compared with. */
  calibrated(deviceUid: string, quantities: readonly DriftQuantity[]): void {
    for (const watch of this.#kept.values()) if (watch.deviceUid === deviceUid) watch.startOver(quantities);
    if (this.#watch?.deviceUid !== deviceUid) return;
    for (const quantity of quantities) {
      this.#latest.delete(quantity);
      this.#alarms.delete(quantity);
    }
    this.#roundFrom_ms = -Infinity;
    this.#later();
  }

  /** @param idle nothing waits for the device: a baseline need not wait for its share */
  isDue(idle: boolean): boolean {
    return this.#dueIn_ms(idle) <= 0;
  }

  /** One probe; rejects with what the device says against it, or with the reason of `signal`. */
  async probe(signal: AbortSignal, by: Attempter, idle: boolean): Promise<void> {
    const { device, deviceClock, wall_ms } = this.#parts;
    const watch = this.#watch;
    if (watch === null || device.measure === undefined) return;
    const started_ms = deviceClock.now_ms();
    const isSentinel = watch.hasBaseline && !watch.isSuspicious;
    // A baseline that makes jobs wait keeps to the share; a suspect does not wait.
    const isShared = isSentinel || (!idle && !watch.isSuspicious);
    const isFirst = !watch.isUnderWay;
    const probe = watch.next(wall_ms());
    const seed = device.capabilities?.seed === true ? this.#parts.seed() : undefined;
    let result: RelaxResult;
    try {
      result = await device.measure({ ...probe.request, seed }, { signal });
    } catch (error) {
      if (!signal.aborted) this.#pausedUntil_ms = deviceClock.now_ms() + PAUSE_MS;
      throw error;
    } finally {
      const now_ms = deviceClock.now_ms();
      const took_ms = now_ms - started_ms;
      if (isSentinel) this.#probed_ms += took_ms;
      else this.#calibrating_ms += took_ms;
      if (isShared) this.#share.spend(took_ms, now_ms);
      this.#later();
    }
    // Another chip answers by now.
    if (result.device.uid !== watch.deviceUid) return;
    this.#lastProbe_ms = wall_ms();
    if (isFirst) this.#roundFrom_ms = started_ms;
    const findings = await watch.add(probe, result, this.#lastProbe_ms, this.#parts.deviceClock);
    if (findings.readings.length > 0) await this.#found(watch, findings, by);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  async #found(watch: ProgramWatch, findings: DriftFindings, by: Attempter): Promise<void> {
    for (const { quantity, to_ms, from_ms: _from, ...reading } of findings.readings)
      this.#latest.set(quantity, { at_ms: to_ms, ...reading });
    for (const { quantity } of findings.alarms) this.#alarms.add(quantity);
    await this.#parts.onFindings(watch, findings, by);
  }

  #reason(): string | null {
    const { settings, device } = this.#parts;
    if (settings.share === 0) return 'probes are switched off (THERMOLOOP_SENTINEL_SHARE)';
    if (device.measure === undefined) return 'another host drives the device';
    if (this.#watch === null) return 'no job has run on the device since the service started';
    return this.#watch.withoutCouplings;
  }

  #dueIn_ms(idle: boolean): number {
    const { deviceClock, settings } = this.#parts;
    if (this.#watch === null) return Infinity;
    const now_ms = deviceClock.now_ms();
    const paused_ms = this.#pausedUntil_ms - now_ms;
    const round_ms = this.#watch.isUnderWay ? 0 : this.#roundFrom_ms + settings.period_s * 1000 - now_ms;
    if (this.#watch.isSuspicious) return paused_ms;
    if (!this.#watch.hasBaseline && idle) return Math.max(paused_ms, round_ms);
    return Math.max(paused_ms, round_ms, this.#share.dueIn_ms(now_ms));
  }

  #later(): void {
    this.#timer?.cancel();
    const wait_ms = this.#dueIn_ms(true);
    this.#timer = Number.isFinite(wait_ms)
      ? this.#parts.deviceClock.after(Math.max(0, Math.ceil(wait_ms)), () => this.#parts.wake())
      : null;
  }
}
