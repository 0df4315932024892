// A slice of the fault campaign in every test run; the bench plays the rest.
import { describe, expect, it } from 'vitest';
import { FAULT_KINDS, OPERATIONS, scenarioPlan } from './plan.ts';
import { playScenario, reference } from './scenario.ts';

describe('the fault campaign', () => {
  it('ends each of 144 scenarios correctly or with a named error, with the right bytes, and the device free', async () => {
    const ref = await reference();
    const seen = new Set<string>();
    const endings: string[] = [];
    for (let seed = 0; seed < 3 * FAULT_KINDS.length * OPERATIONS.length; seed += 1) {
      const plan = scenarioPlan(seed);
      seen.add(`${plan.fault} ${plan.operation}`);
      const { ending, ...rest } = await playScenario(plan, ref);
      endings.push(ending);
      expect({ seed, ...rest }).toEqual({
        seed,
        hung: false,
        wrongBytes: 0,
        unnamedError: null,
        unrecovered: null,
      });
    }
    expect(seen.size).toBe(FAULT_KINDS.length * OPERATIONS.length);
    expect(new Set(endings).size).toBeGreaterThan(3);
  });

  it('plays a seed the same way every time', async () => {
    const ref = await reference();
    const plan = scenarioPlan(2 * FAULT_KINDS.length * OPERATIONS.length + 1);
    expect(await playScenario(plan, ref)).toEqual(await playScenario(plan, ref));
  });

  it('counts a wrong byte when there is one', async () => {
    const ref = await reference();
    const bytes = ref.bytes.slice();
    bytes[100] ^= 1;
    const plan = {
      ...scenarioPlan(FAULT_KINDS.length),
      fault: 'short' as const,
      faults: { out: {}, in: {} },
    };
    expect((await playScenario(plan, { ...ref, bytes })).wrongBytes).toBeGreaterThan(0);
  });
});
