// Gathers what the rules look at. What only some jobs need is asked for when one of them comes, and once for a look.
import type { Clock } from '../../clock/clock.ts';
import type { JobRow } from '../../store/index.ts';
import { isOnline } from '../admission.ts';
import type { DeviceControls } from '../control/controls.ts';
import { untouched } from '../control/state.ts';
import type { RelaxDevice } from '../device-port.ts';
import type { DeviceWorld, JobWorld } from './rule.ts';

export interface SurroundingsOptions {
  device: Pick<RelaxDevice, 'id' | 'state' | 'reason'>;
  clock: Clock;
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
    const { device, clock, controls } = this.#options;
    const now_ms = clock.wall_ms();
    this.#awaySince_ms = isOnline(device) ? null : (this.#awaySince_ms ?? now_ms);
    const use = controls?.of(device.id) ?? { state: untouched, lease: null };
    return new Look({ now_ms, device, awaySince_ms: this.#awaySince_ms, use });
  }
}

/** One look at the world: the same for all jobs that it is taken for. */
export class Look {
  readonly world: DeviceWorld;

  constructor(world: DeviceWorld) {
    this.world = world;
  }

  /** The world around one job, with what its rules need. */
  around(_job: JobRow): Promise<JobWorld> {
    return Promise.resolve(this.world);
  }
}
