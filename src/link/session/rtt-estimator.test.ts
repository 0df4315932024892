import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_RTO_MS, RTO_FLOOR_UART_MS, RTO_FLOOR_USB_MS, RttEstimator } from './rtt-estimator.ts';

describe('RttEstimator', () => {
  it('follows the worked steps of RFC 6298', () => {
    const rtt = new RttEstimator(0);
    expect(rtt.rto_ms).toBe(1000);
    rtt.sample(100);
    expect([rtt.srtt_ms, rtt.rttvar_ms, rtt.rto_ms]).toEqual([100, 50, 300]);
    rtt.sample(180);
    expect([rtt.srtt_ms, rtt.rttvar_ms]).toEqual([110, 57.5]);
    expect(rtt.rto_ms).toBe(340);
  });

  it('keeps the floor of its link and the ceiling, whatever was measured', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e5, noNaN: true }), { minLength: 1 }), (samples) => {
        for (const [baud, floor] of [
          [0, RTO_FLOOR_USB_MS],
          [115_200, RTO_FLOOR_UART_MS],
        ]) {
          const rtt = new RttEstimator(baud);
          for (const sample of samples) rtt.sample(sample);
          expect(rtt.rto_ms).toBeGreaterThanOrEqual(floor);
          expect(rtt.rto_ms).toBeLessThanOrEqual(MAX_RTO_MS);
        }
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it('ignores measurements that are none', () => {
    const rtt = new RttEstimator(0);
    for (const bad of [NaN, -1, Infinity]) rtt.sample(bad);
    expect(rtt.srtt_ms).toBeNull();
  });

  it('counts ten bit times per byte on a UART', () => {
    expect(new RttEstimator(115_200).transmission_ms(648)).toBeCloseTo(56.25, 6);
    expect(new RttEstimator(0).transmission_ms(900)).toBe(1);
  });
});
