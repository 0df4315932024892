// Device time is held around the device's own work, and let go whatever happens.
import { expect, it } from 'vitest';
import { VirtualClock } from '../clock/virtual-clock.ts';
import { HeldTime } from './held-time.ts';

it('is held except during the work of the device, also after that failed', async () => {
  const clock = new VirtualClock();
  const time = new HeldTime(clock);
  expect(clock.held).toBe(true);
  const seen = await time.during(async () => clock.held);
  expect([seen, clock.held]).toEqual([false, true]);
  await expect(time.during(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(clock.held).toBe(true);
  time.release();
  time.release();
  expect(clock.held).toBe(false);
});
