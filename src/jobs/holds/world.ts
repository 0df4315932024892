// Gathers what the rules look at. What only some jobs need is asked for when one of them comes, and once for a look.
import type { Clock } from '../../clock/clock.ts';
import type { JobRow, Store } from '../../store/index.ts';
import { isOnline } from '../admission.ts';
import type { DeviceControls } from '../control/controls.ts';
import { untouched } from '../control/state.ts';
import type { RelaxDevice } from '../device-port.ts';
import { budgetSpent, utcDay_ms, type SpentBudget } from '../heat-ledger/index.ts';
import { conditionsOf, type RequiredDevice } from '../requirements/conditions.ts';
import { readRequirements, type Conditions } from '../requirements/readings.ts';
import type { Calibrations, Recalibration } from '../requirements/recalibration.ts';
import type { Required } from '../requirements/required.ts';
import type { AdmittedRelaxJob } from '../request.ts';
import type { DeviceWorld, HoldAnswer, JobWorld } from './rule.ts';

export interface SurroundingsOptions {
  device: Pick<RelaxDevice, 'id' | 'state' | 'reason'> & RequiredDevice;
  clock: Clock;
  store: Pick<Store, 'keys' | 'heat' | 'activeCalibrations' | 'drift'>;
  /** What people want of the device; absent: nobody asks. */
  controls?: Pick<DeviceControls, 'of'>;
  /** What is known of the calibrations that jobs wait for; absent: of a job that does not wait yet nothing matters. */
  recalibration?: Pick<Recalibration, 'known'>;
  /** Whether its die is too warm for work at this wall time; absent: nobody watches it. */
  heat?: (now_ms: number) => HoldAnswer | null;
}

/** The world around one device. */
export class Surroundings {
  readonly #options: SurroundingsOptions;
  #awaySince_ms: number | null = null;

  constructor(options: SurroundingsOptions) {
    this.#options = options;
  }

  /** How it is now. */
  look(): Look {
    const { device, clock, controls, heat } = this.#options;
    const now_ms = clock.wall_ms();
    this.#awaySince_ms = isOnline(device) ? null : (this.#awaySince_ms ?? now_ms);
    const use = controls?.of(device.id) ?? { state: untouched, lease: null };
    const world = { now_ms, device, awaySince_ms: this.#awaySince_ms, use, heat: heat?.(now_ms) ?? null };
    return new Look(world, this.#options);
  }
}

/** One look at the world: the same for all jobs that it is taken for. */
export class Look {
  readonly world: DeviceWorld;
  readonly #options: SurroundingsOptions;
  readonly #budgets = new Map<string, Promise<SpentBudget | null>>();
  #conditions: Promise<Conditions> | null = null;
  #calibrations: Promise<Calibrations> | null = null;

  constructor(world: DeviceWorld, options: SurroundingsOptions) {
    this.world = world;
    this.#options = options;
  }

  /** The world around one job, with what its rules need. */
  async around({ keyId, request }: JobRow): Promise<JobWorld> {
    return {
      ...this.world,
      spentBudget: keyId === null ? null : await this.#budgetOf(keyId),
      required: await this.#required(request as unknown as AdmittedRelaxJob),
    };
  }

  /** A calibration was queued since. */
  forgetCalibrations(): void {
    this.#calibrations = null;
  }

  async #required({ require, onUnmet }: AdmittedRelaxJob): Promise<Required | null> {
    if (require === undefined) return null;
    const { device, store, recalibration } = this.#options;
    const conditions = await (this.#conditions ??= conditionsOf(device, store, this.world.now_ms));
    const calibrations = await (this.#calibrations ??= recalibration?.known() ?? Promise.resolve(NONE_YET));
    return { onUnmet, readings: readRequirements(require, conditions, this.world.now_ms), calibrations };
  }

  #budgetOf(keyId: string): Promise<SpentBudget | null> {
    const known = this.#budgets.get(keyId) ?? this.#askBudget(keyId);
    this.#budgets.set(keyId, known);
    return known;
  }

  async #askBudget(keyId: string): Promise<SpentBudget | null> {
    const { now_ms } = this.world;
    const key = await this.#options.store.keys.find(keyId);
    if (key === null || key.limits.energyPerDay_J === null) return null;
    const spent_J = await this.#options.store.heat.spent_J(keyId, utcDay_ms(now_ms).begin_ms);
    return budgetSpent(key.limits, spent_J, now_ms);
  }
}

const NONE_YET: Calibrations = { isPending: false, endedAt_ms: null };
