// The apparatus of the link bench with its three processes, on amounts that take a second: what it measures must be
// possible. How large the figures are is the bench's business.
import { describe, expect, it } from 'vitest';
import { goodput } from './goodput.ts';
import { LimitedLink } from './limited-link.ts';
import { LINES } from './lines.ts';
import { stopLatencies } from './stop-latency.ts';

describe('a limited link', () => {
  it('measures the raw pipe alike when it does so again, whatever the first time left in buffers', async () => {
    const limited = await LimitedLink.start(LINES.uart);
    try {
      const rates_Bps = [await limited.rawRate_Bps(0.5), await limited.rawRate_Bps(0.5)];
      for (const rate_Bps of rates_Bps) expect(rate_Bps / LINES.uart.rate_Bps).toBeCloseTo(1, 2);
    } finally {
      await limited.close();
    }
  });

  it('carries at most what the line allows, and sees every stop leave before its reply', async () => {
    const limited = await LimitedLink.start(LINES.fullSpeed, { loss: 1e-5 });
    try {
      const units = 256;
      const measured = await goodput(limited, { units, total_bytes: 100_000, raw_s: 0.2, seed: 1 });
      expect(measured.ratio).toBeGreaterThan(0);
      expect(measured.ratio).toBeLessThan(1);
      expect(measured.loads).toBe(3);
      const times = await stopLatencies(limited, { units: 700, count: 2, seed: 1 });
      expect(times).toHaveLength(2);
      for (const { left_ms, reply_ms } of times) {
        expect(left_ms).toBeGreaterThan(0);
        expect(reply_ms).toBeGreaterThanOrEqual(left_ms);
      }
    } finally {
      await limited.close();
    }
  });
});
