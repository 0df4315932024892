// Drives one device for as long as this host has its lease: the device connects when the lease is taken and lets go when it
// is lost. Who drives says in the device's row what it sees, and who does not shows that.
import type { DeviceReason } from '../../device/index.ts';
import { isStoreError, type JsonObject, type Store } from '../../store/index.ts';
import type { LeaseKeeper } from './keeper.ts';

/** What this needs of a device; `SharedDevice` of src/device satisfies it. */
export interface DrivableDevice<Facts extends object> {
  readonly id: string;
  /** Shows what another host says; null: what this one knows. */
  follow(facts: Facts | null): void;
  facts(): Facts;
  takeOffline(by: string, reason: DeviceReason): Promise<void>;
  bringOnline(by: string): void;
  onChange(callback: () => void): () => void;
}

export interface DrivingOptions<Facts extends object> {
  device: DrivableDevice<Facts>;
  keeper: LeaseKeeper;
  store: Pick<Store, 'devices' | 'transaction'>;
  /** The one host that can reach the device; null: any host can. */
  host: string | null;
  /** What other processes have committed; absent: there are none, and the row says nothing. */
  hearChanges?: Store['onChange'];
  onLog: (level: 'info' | 'warn' | 'error', message: string, fields: object) => void;
}

const BY = 'lease';
const ELSEWHERE: DeviceReason = {
  code: 'no-lease',
  message: 'this host has no lease of the device',
  remedy: 'Wait until another host drives it, or until this one may: leases come free by themselves.',
};

export class Driving<Facts extends object> {
  readonly #options: DrivingOptions<Facts>;
  readonly #ends: (() => void)[] = [];
  #fence: number | null = null;
  /** As written last. */
  #told = '';
  #work: Promise<void> = Promise.resolve();
  #isDue = false;

  constructor(options: DrivingOptions<Facts>) {
    this.#options = options;
  }

  /**
   * The device stays away until the lease is there. Asks for it once before it resolves.
   * @throws {StoreError} conflict: the device belongs to another host
   */
  async start(): Promise<void> {
    const { device, keeper, store, host, hearChanges } = this.#options;
    await store.devices.declare(device.id, host);
    await device.takeOffline(BY, ELSEWHERE);
    this.#ends.push(keeper.onChange(() => this.#leaseChanged()));
    if (hearChanges !== undefined) {
      this.#ends.push(device.onChange(() => this.#later()));
      const mine = ({ table, id }: { table: string; id: string }): void => {
        if (table === 'device' && id === device.id) this.#later();
      };
      this.#ends.push(hearChanges(mine, () => this.#later()));
    }
    await keeper.start();
    this.#later();
  }

  /** After the device has been closed: the lease is given back. */
  async close(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    await this.#work;
    await this.#options.keeper.close();
  }

  #leaseChanged(): void {
    const { device, keeper } = this.#options;
    const { fence } = keeper;
    if (fence === this.#fence) return;
    // A session under an older fence ends even where the lease has come back meanwhile.
    if (this.#fence !== null) device.takeOffline(BY, ELSEWHERE).catch(this.#failed);
    this.#fence = fence;
    if (fence !== null) {
      device.follow(null);
      device.bringOnline(BY);
    }
    this.#told = '';
    this.#later();
  }

  /** One reading or writing of the row at a time; what comes meanwhile is folded into the next. */
  #later(): void {
    if (this.#options.hearChanges === undefined || this.#isDue) return;
    this.#isDue = true;
    this.#work = this.#work
      .then(() => {
        this.#isDue = false;
        return this.#fence === null ? this.#follow() : this.#tell(this.#fence);
      })
      .catch(this.#failed);
  }

  async #tell(fence: number): Promise<void> {
    const { device, store } = this.#options;
    const text = JSON.stringify(this.#factsToTell());
    if (text === this.#told) return;
    this.#told = text;
    try {
      await store.transaction(async (tx) => {
        await tx.leases.guard(device.id, fence);
        await tx.devices.setFacts(device.id, JSON.parse(text) as JsonObject);
      });
    } catch (error) {
      // Somebody else has it: the keeper hears of that by itself.
      if (!isStoreError(error, 'stale-fence')) throw error;
    }
  }

  /** Whether it runs at this moment is seen in the jobs; a write for every job would be one too many. */
  #factsToTell(): Facts {
    const facts = this.#options.device.facts();
    return 'state' in facts && facts.state === 'running' ? { ...facts, state: 'ready' } : facts;
  }

  async #follow(): Promise<void> {
    const { device, store } = this.#options;
    const row = await store.devices.find(device.id);
    if (this.#fence === null) device.follow((row?.facts ?? null) as Facts | null);
  }

  readonly #failed = (error: unknown): void => {
    const { device, onLog } = this.#options;
    onLog('warn', 'what hosts say of a device could not be kept', { device: device.id, error });
  };
}
