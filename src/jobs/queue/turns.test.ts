import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyTurns } from './turns.ts';

const SEED = 20261124;

interface Waiting {
  key: string;
  took_ms: number;
  /** It is submitted after so many turns. */
  after: number;
}

const keys = ['', 'a', 'b', 'c', 'd'];
const waiting = fc.array(
  fc.record({
    key: fc.constantFrom(...keys),
    took_ms: fc.nat(50),
    after: fc.nat(30),
  }),
  { minLength: 1, maxLength: 80 },
);

/** A queue that runs what is first until nothing waits; the jobs in the order they ran, by their place in the list. */
function run(jobs: readonly Waiting[]): number[] {
  const turns = new KeyTurns();
  const ran: number[] = [];
  for (let turn = 0; ran.length < jobs.length; turn++) {
    const now = jobs.flatMap(({ after }, k) => (after <= turn && !ran.includes(k) ? [k] : []));
    const [key] = turns.order(now.map((k) => jobs[k].key));
    const next = now.find((k) => jobs[k].key === key);
    if (next === undefined) continue;
    turns.charge(jobs[next].key, jobs[next].took_ms);
    ran.push(next);
  }
  return ran;
}

describe('turns of keys', () => {
  it('one job is not behind a thousand of another key', () => {
    const many = Array.from({ length: 1000 }, (): Waiting => ({ key: 'a', took_ms: 10, after: 0 }));
    const ran = run([...many, { key: 'z', took_ms: 10, after: 20 }]);
    expect(ran.indexOf(1000)).toBeLessThanOrEqual(22);
  });

  it('who comes new waits for at most one job of every other key, whatever they took', () => {
    fc.assert(
      fc.property(waiting, (others) => {
        const jobs: Waiting[] = [...others, { key: 'z', took_ms: 1, after: 15 }];
        const ran = run(jobs);
        const z = ran.indexOf(others.length);
        // Turns without work pass too: the newcomer is seen at the first turn after 15 jobs at the latest.
        const before = ran.slice(0, z).filter((k, place) => place >= 15 && jobs[k].key !== 'z');
        for (const key of keys)
          expect(before.filter((k) => jobs[k].key === key).length).toBeLessThanOrEqual(1);
      }),
      { seed: SEED },
    );
  });

  it('within a key the order is that of submission', () => {
    fc.assert(
      fc.property(waiting, (jobs) => {
        const all = jobs.map((job) => ({ ...job, after: 0 }));
        const ran = run(all);
        for (const key of keys) {
          const ofKey = ran.filter((k) => all[k].key === key);
          expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b));
        }
      }),
      { seed: SEED },
    );
  });

  it('is the same again for the same jobs, and runs each once', () => {
    fc.assert(
      fc.property(waiting, (jobs) => {
        const ran = run(jobs);
        expect(run(jobs)).toEqual(ran);
        expect(ran.toSorted((a, b) => a - b)).toEqual(jobs.map((_, k) => k));
      }),
      { seed: SEED },
    );
  });

  it('keys that always wait share the time to within the longest job', () => {
    const costs = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 4, maxLength: 40 });
    fc.assert(
      fc.property(costs, costs, (a, b) => {
        const turns = new KeyTurns();
        const used = { a: 0, b: 0 };
        const left = { a: [...a], b: [...b] };
        while (left.a.length > 0 && left.b.length > 0) {
          const key = turns.order(['a', 'b'])[0] as 'a' | 'b';
          const took_ms = left[key].shift() ?? 0;
          turns.charge(key, took_ms);
          used[key] += took_ms;
          expect(Math.abs(used.a - used.b)).toBeLessThanOrEqual(100);
        }
      }),
      { seed: SEED },
    );
  });

  it('time that a key did not ask for is not owed to it', () => {
    const turns = new KeyTurns();
    for (let k = 0; k < 100; k++) turns.charge(turns.order(['a'])[0], 1000);
    const served: string[] = [];
    for (let k = 0; k < 10; k++) {
      const [key] = turns.order(['a', 'b']);
      turns.charge(key, 1000);
      served.push(key);
    }
    expect(served.filter((key) => key === 'b').length).toBeLessThanOrEqual(6);
  });
});
