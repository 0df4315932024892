// The share of device time that probes take, on made-up times.
import { describe, expect, it } from 'vitest';
import { ShareOfTime } from './share.ts';

describe('share of time', () => {
  it('is kept over a long time, whatever a probe takes', () => {
    const share = new ShareOfTime(0.01, 0);
    let [now_ms, spent_ms] = [0, 0];
    for (let k = 0; now_ms < 3_600_000; k++) {
      now_ms += share.dueIn_ms(now_ms);
      expect(share.isDue(now_ms)).toBe(true);
      const took_ms = 5 + (k % 7) * 20;
      now_ms += took_ms;
      share.spend(took_ms, now_ms);
      spent_ms += took_ms;
      expect(share.isDue(now_ms)).toBe(false);
    }
    expect(spent_ms / now_ms).toBeGreaterThan(0.0099);
    expect(spent_ms / now_ms).toBeLessThan(0.0101);
  });

  it('lets nobody make up for more than a minute that he did not use', () => {
    const share = new ShareOfTime(0.25, 0);
    const now_ms = 3_600_000;
    share.spend(15_000, now_ms);
    expect(share.dueIn_ms(now_ms)).toBe(0);
    share.spend(100, now_ms);
    expect(share.dueIn_ms(now_ms)).toBe(400);
  });

  it('of 0 is never due', () => {
    const share = new ShareOfTime(0, 0);
    expect(share.isDue(1e9)).toBe(false);
    expect(share.dueIn_ms(1e9)).toBe(Infinity);
  });
});
