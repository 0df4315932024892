import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import type { DeviceLeaseRow } from '../../store/index.ts';
import { LeaseKeeper } from './keeper.ts';

const TERM_MS = 1000;

/** Leases in memory, by the same virtual clock; `away` is a store that does not answer. */
class Leases {
  row: DeviceLeaseRow | null = null;
  away = false;
  /** While set, answers wait for it. */
  slow: Promise<void> | null = null;
  readonly #clock: VirtualClock;
  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }
  async acquire(device: string, holder: string, term_ms: number): Promise<DeviceLeaseRow | null> {
    this.#reach();
    const now_ms = this.#clock.now_ms();
    const free = this.row === null || this.row.leaseUntil_ms <= now_ms || this.row.holder === holder;
    if (free)
      this.row = { device, holder, fence: (this.row?.fence ?? 0) + 1, leaseUntil_ms: now_ms + term_ms };
    const mine = free ? this.row : null;
    await this.slow;
    return mine;
  }
  async renew(_device: string, fence: number, term_ms: number): Promise<boolean> {
    this.#reach();
    if (this.row?.fence !== fence || this.row.leaseUntil_ms === 0) return false;
    this.row = { ...this.row, leaseUntil_ms: this.#clock.now_ms() + term_ms };
    await this.slow;
    return true;
  }
  async release(_device: string, fence: number): Promise<void> {
    this.#reach();
    if (this.row?.fence === fence) this.row = { ...this.row, leaseUntil_ms: 0 };
  }
  async find(): Promise<DeviceLeaseRow | null> {
    return this.row;
  }
  #reach(): void {
    if (this.away) throw new Error('the database does not answer');
  }
}

let clock: VirtualClock;
let leases: Leases;
let log: string[];
let keepers: LeaseKeeper[];
/** Time that passed without any timer running. */
let frozen_ms: number;
beforeEach(() => {
  clock = new VirtualClock();
  leases = new Leases(clock);
  log = [];
  keepers = [];
  frozen_ms = 0;
});
afterEach(async () => {
  leases.away = false;
  for (const keeper of keepers) await keeper.close();
});

const keeper = (holder = 'a'): LeaseKeeper => {
  const made = new LeaseKeeper({
    device: 'chip-0',
    holder,
    leases,
    term_ms: TERM_MS,
    clock: {
      now_ms: () => clock.now_ms() + frozen_ms,
      wall_ms: () => clock.wall_ms(),
      after: (delay_ms, callback) => clock.after(delay_ms, callback),
    },
    onLog: (_level, message) => void log.push(`${holder}: ${message}`),
  });
  keepers.push(made);
  return made;
};

describe('a keeper of a lease', () => {
  it('takes the lease and holds on to it for as long as it is renewed', async () => {
    const a = keeper();
    await a.start();
    expect(a.fence).toBe(1);
    await clock.pass(20 * TERM_MS);
    expect(a.fence).toBe(1);
    expect(a.mayWrite(1)).toBe(true);
    expect(log).toEqual(['a: this host drives the device']);
  });

  it('waits while another host has it, and takes it when that one is gone', async () => {
    const [a, b] = [keeper('a'), keeper('b')];
    await a.start();
    await b.start();
    await clock.pass(5 * TERM_MS);
    expect([a.fence, b.fence]).toEqual([1, null]);
    await a.close();
    await b.ask();
    expect([a.fence, b.fence]).toEqual([null, 2]);
    expect(log).toContain('b: another host drives the device');
  });

  it('stops driving before the end when the store is away, and drives again under a higher fence later', async () => {
    const a = keeper();
    let changes = 0;
    await a.start();
    a.onChange(() => void changes++);
    leases.away = true;
    await clock.pass(0.79 * TERM_MS);
    expect(a.fence).toBe(1);
    await clock.pass(0.02 * TERM_MS);
    expect([a.fence, changes]).toEqual([null, 1]);
    // It may still be told to stop, and then nothing goes out any more.
    expect(a.mayWrite(1)).toBe(true);
    await clock.pass(0.1 * TERM_MS);
    expect(a.mayWrite(1)).toBe(false);
    leases.away = false;
    await clock.pass(TERM_MS);
    expect([a.fence, a.mayWrite(1), a.mayWrite(2)]).toEqual([2, false, true]);
  });

  it('knows after a freeze that its lease is over, before any timer of it has run', async () => {
    const a = keeper();
    await a.start();
    frozen_ms = 0.95 * TERM_MS;
    expect([a.fence, a.mayWrite(1)]).toEqual([null, false]);
  });

  it('counts from before it asked, however late the answer comes', async () => {
    const answer = Promise.withResolvers<void>();
    leases.slow = answer.promise;
    const a = keeper();
    const started = a.start();
    await clock.pass(0.9 * TERM_MS);
    leases.slow = null;
    answer.resolve();
    await started;
    expect(a.fence).toBeNull();
    expect(log).not.toContain('a: this host drives the device');
  });

  it('writes nothing more when another host has taken over', async () => {
    const a = keeper();
    await a.start();
    leases.row = { device: 'chip-0', holder: 'b', fence: 9, leaseUntil_ms: Infinity };
    await clock.pass(TERM_MS / 2);
    expect([a.fence, a.mayWrite(1)]).toEqual([null, false]);
    expect(log).toContain('a: this host no longer drives the device');
  });

  it('gives the lease back when it is closed, or lets it end when the store is away', async () => {
    const a = keeper();
    await a.start();
    await a.close();
    expect(leases.row?.leaseUntil_ms).toBe(0);
    expect([a.fence, a.mayWrite(1)]).toEqual([null, false]);
    const b = keeper('b');
    await b.start();
    leases.away = true;
    await b.close();
    expect(log).toContain('b: the lease of a device could not be given back; it ends by itself');
  });
});
