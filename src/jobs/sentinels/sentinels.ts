// Drift over all devices of a service: stores what probes find, raises events, queues the calibration that mends one, and takes up
// a new baseline after it.
import type { DriftFindings, DriftQuantity } from '../../calibration/drift/index.ts';
import type { Clock } from '../../clock/clock.ts';
import type { RelaxResult } from '../../device/index.ts';
import type { QuantisedProgram } from '../../physics/index.ts';
import type { CalibrationRow, DriftEventRow, Store } from '../../store/index.ts';
import type { Attempter } from '../attempts.ts';
import type { RelaxDevice } from '../device-port.ts';
import { mendedQuantities, mendingKind } from './mends.ts';
import type { ProgramWatch } from './program-watch.ts';
import { Sentinel } from './sentinel.ts';
import type { DriftState, SentinelSettings } from './types.ts';

export interface SentinelsParts {
  store: Pick<Store, 'transaction' | 'activeCalibrations'>;
  settings: SentinelSettings;
  clock: Clock;
  /** The time of the devices. */
  deviceClock: Pick<Clock, 'now_ms' | 'after'>;
  seed: () => bigint;
  /** Kinds of calibration that can be asked for. */
  kinds: readonly string[];
  /** Queues one, unless one of the kind waits already. */
  calibrate(device: string, kind: string): Promise<void>;
  onRound(device: string, state: DriftState): void;
  /** A new one, or one that has ended. */
  onEvent(event: DriftEventRow): void;
  onLog(level: 'info' | 'warn' | 'error', message: string, fields: object): void;
}

/** What a lane asks between two jobs. */
export interface BetweenJobs {
  /** @param idle nothing waits for the device */
  isDue(idle: boolean): boolean;
  /** Never rejects. */
  probe(signal: AbortSignal, by: Attempter, idle: boolean): Promise<void>;
}

export class Sentinels<D extends RelaxDevice> {
  readonly #parts: SentinelsParts;
  readonly #sentinels = new Map<string, Sentinel<D>>();

  constructor(parts: SentinelsParts) {
    this.#parts = parts;
  }

  /** @param wake a probe may be due on the device */
  add(device: D, wake: () => void): BetweenJobs {
    const { settings, deviceClock, clock, seed } = this.#parts;
    const sentinel = new Sentinel({
      device,
      settings,
      deviceClock,
      wall_ms: () => clock.wall_ms(),
      seed,
      wake,
      onFindings: (watch, findings, by) => this.#found(device.id, watch, findings, by),
    });
    this.#sentinels.set(device.id, sentinel);
    return {
      isDue: (idle) => sentinel.isDue(idle),
      probe: (signal, by, idle) =>
        sentinel.probe(signal, by, idle).catch((error: unknown) => {
          if (!signal.aborted)
            this.#parts.onLog('warn', 'a drift probe failed', { device: device.id, error });
        }),
    };
  }

  stateOf(device: string): DriftState | null {
    return this.#sentinels.get(device)?.state ?? null;
  }

  sawProgram(
    device: string,
    program: QuantisedProgram,
    run: Pick<RelaxResult, 'programId' | 'device'>,
  ): void {
    this.#sentinels.get(device)?.sawProgram(program, run);
  }

  /** A calibration has succeeded: events of what it sets right end, if it counts. Never rejects. */
  async calibrated(row: CalibrationRow): Promise<void> {
    try {
      await this.#calibrated(row);
    } catch (error) {
      this.#parts.onLog('error', 'events of drift could not be ended', { calibration: row.id, error });
    }
  }

  async #calibrated(row: CalibrationRow): Promise<void> {
    const { id, deviceUid, finishedAt_ms } = row;
    const quantities = await mendedQuantities(this.#parts.store, row);
    if (deviceUid === null || quantities.length === 0) return;
    for (const sentinel of this.#sentinels.values()) sentinel.calibrated(deviceUid, quantities);
    const end = { at_ms: finishedAt_ms ?? this.#parts.clock.wall_ms(), calibration: id, quantities };
    const ended = await this.#parts.store.transaction((tx) => tx.drift.endEvents(deviceUid, end));
    for (const event of ended) this.#parts.onEvent(event);
  }

  close(): void {
    for (const sentinel of this.#sentinels.values()) sentinel.close();
  }

  async #found(
    device: string,
    { deviceUid, programId: program }: ProgramWatch,
    { readings, alarms }: DriftFindings,
    by: Attempter,
  ): Promise<void> {
    const about = { device, deviceUid, program };
    const events = await this.#parts.store.transaction(async (tx) => {
      if (by.fence !== null) await tx.leases.guard(device, by.fence);
      await tx.drift.addPoints(readings.map((reading) => ({ ...about, ...reading })));
      const added: DriftEventRow[] = [];
      for (const alarm of alarms) added.push(await tx.drift.addEvent({ ...about, ...alarm }));
      return added;
    });
    const state = this.stateOf(device);
    if (state !== null) this.#parts.onRound(device, state);
    for (const event of events) {
      this.#parts.onLog('warn', 'drift', { ...event });
      this.#parts.onEvent(event);
    }
    if (this.#parts.settings.recalibrate)
      for (const { quantity } of alarms) await this.#recalibrate(device, quantity);
  }

  async #recalibrate(device: string, quantity: DriftQuantity): Promise<void> {
    const kind = mendingKind(quantity, this.#parts.kinds);
    if (kind === undefined) return;
    try {
      await this.#parts.calibrate(device, kind);
    } catch (error) {
      this.#parts.onLog('warn', 'a calibration after drift was refused', { device, kind, error });
    }
  }
}
