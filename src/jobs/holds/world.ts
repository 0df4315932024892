// Gathers what the rules look at. What only some jobs need is asked for when one of them comes, and once for a look.
import type { Clock } from '../../clock/clock.ts';
import type { JobRow, Store } from '../../store/index.ts';
import { isOnline } from '../admission.ts';
import type { DeviceControls } from '../control/controls.ts';
import { untouched } from '../control/state.ts';
import type { RelaxDevice } from '../device-port.ts';
import { budgetSpent, utcDay_ms, type SpentBudget } from '../heat-ledger/index.ts';
import type { DeviceWorld, JobWorld } from './rule.ts';

export interface SurroundingsOptions {
  device: Pick<RelaxDevice, 'id' | 'state' | 'reason'>;
  clock: Clock;
  store: Pick<Store, 'keys' | 'heat'>;
  /** What people want of the device; absent: nobody asks. */
  controls?: Pick<DeviceControls, 'of'>;
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
    const { device, clock, controls, store } = this.#options;
    const now_ms = clock.wall_ms();
    this.#awaySince_ms = isOnline(device) ? null : (this.#awaySince_ms ?? now_ms);
    const use = controls?.of(device.id) ?? { state: untouched, lease: null };
    return new Look({ now_ms, device, awaySince_ms: this.#awaySince_ms, use }, store);
  }
}

/** One look at the world: the same for all jobs that it is taken for. */
export class Look {
  readonly world: DeviceWorld;
  readonly #store: SurroundingsOptions['store'];
  readonly #budgets = new Map<string, Promise<SpentBudget | null>>();

  constructor(world: DeviceWorld, store: SurroundingsOptions['store']) {
    this.world = world;
    this.#store = store;
  }

  /** The world around one job, with what its rules need. */
  async around({ keyId }: JobRow): Promise<JobWorld> {
    return { ...this.world, spentBudget: keyId === null ? null : await this.#budgetOf(keyId) };
  }

  #budgetOf(keyId: string): Promise<SpentBudget | null> {
    const known = this.#budgets.get(keyId) ?? this.#askBudget(keyId);
    this.#budgets.set(keyId, known);
    return known;
  }

  async #askBudget(keyId: string): Promise<SpentBudget | null> {
    const { now_ms } = this.world;
    const key = await this.#store.keys.find(keyId);
    if (key === null || key.limits.energyPerDay_J === null) return null;
    const spent_J = await this.#store.heat.spent_J(keyId, utcDay_ms(now_ms).begin_ms);
    return budgetSpent(key.limits, spent_J, now_ms);
  }
}
