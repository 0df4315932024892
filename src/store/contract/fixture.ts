// The contract of the store, one file per repository, written against its public face alone. Every database has to pass
// all of it: store-sqlite.test.ts and store-postgres.test.ts say how a store is opened, contract.ts lists the files.
import type { Clock } from '../../clock/clock.ts';
import type { Digest, NewJob, Store } from '../index.ts';

export const HOUR_MS = 3_600_000;

/** One test's database, made empty for it. */
export interface Subject {
  open(clock: Clock): Promise<Store>;
  /** Another process on the same database; null where a database serves one process alone. */
  openBeside: ((clock: Clock) => Promise<Store>) | null;
  remove(): Promise<void>;
}

/** What a test works with; `store` is opened before it, and everything is gone after it. */
export interface Fixture {
  readonly store: Store;
  /** The injected wall time, which tests move. */
  now_ms: number;
  /** As after a restart of the service. */
  reopen(): Promise<void>;
  /** A second store on the same database, or null; closed with the test. */
  beside(): Promise<Store | null>;
}

export async function makeFixture(subject: Subject): Promise<Fixture & { close(): Promise<void> }> {
  const state = { now_ms: Date.UTC(2026, 10, 24) };
  const clock: Clock = {
    now_ms: () => state.now_ms,
    wall_ms: () => state.now_ms,
    after: () => ({ cancel: () => {} }),
  };
  let store = await subject.open(clock);
  const others: Store[] = [];
  return {
    get store() {
      return store;
    },
    get now_ms() {
      return state.now_ms;
    },
    set now_ms(value) {
      state.now_ms = value;
    },
    async reopen() {
      await store.close();
      store = await subject.open(clock);
    },
    async beside() {
      const other = (await subject.openBeside?.(clock)) ?? null;
      if (other !== null) others.push(other);
      return other;
    },
    async close() {
      for (const one of [...others, store]) await one.close();
      await subject.remove();
    },
  };
}

/** The digest of the model that every job of the contract is for. */
export const MODEL: Digest = `sha256:${'ab'.repeat(32)}`;

export const MODEL_ROW = { digest: MODEL, blob: MODEL, units: 3, bytes: 9, name: 'm', keyId: null };

export function addModel(store: Store): ReturnType<Store['models']['add']> {
  return store.models.add({ ...MODEL_ROW, metadata: { energyUnit: 'E0' } });
}

export function newJob(change: Partial<NewJob> = {}): NewJob {
  return { device: 'twin-0', model: MODEL, request: { mode: 'relax' }, ...change };
}
