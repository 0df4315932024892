// A block of the event loop counts by the arrivals that meet it.
import { describe, expect, it } from 'vitest';
import { arrivalDelays, delayAt } from './loop-delay.ts';

describe('the delay of arrivals at random moments', () => {
  it('is 0 without blocks', () => {
    expect(delayAt(0.01, [], 1000)).toBe(0);
  });

  it('of one block of 100 ms in a second: 1 % of the arrivals wait for more than 90 ms', () => {
    expect(delayAt(0.01, [100], 1000)).toBeCloseTo(90, 6);
  });

  it('of ten blocks of 10 ms in a second: each gives a tenth of that share, so it is 9 ms', () => {
    expect(delayAt(0.01, Array<number>(10).fill(10), 1000)).toBeCloseTo(9, 6);
  });

  it('of a block that fewer than 1 % can meet is 0', () => {
    expect(delayAt(0.01, [5], 1000)).toBeCloseTo(0, 6);
  });

  it('sees a loop that is blocked', async () => {
    const loop = arrivalDelays();
    loop.start();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const until_ms = performance.now() + 60;
    while (performance.now() < until_ms);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(loop.stop().longest_ms).toBeGreaterThan(55);
  });
});
