import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { FailedAttempts } from './failed-attempts.ts';

const fail = (attempts: FailedAttempts, address: string, times: number): void => {
  for (let k = 0; k < times; k++) attempts.failed(address, null);
};

describe('failed attempts', () => {
  it('refuse an address for the rest of its minute, and nobody else', async () => {
    const clock = new VirtualClock();
    const attempts = new FailedAttempts(clock, 3);
    fail(attempts, '192.0.2.1', 2);
    expect(attempts.refusedFor_s('192.0.2.1', null)).toBeNull();
    await clock.pass(10_000);
    fail(attempts, '192.0.2.1', 1);
    expect(attempts.refusedFor_s('192.0.2.1', 'any')).toBe(50);
    expect(attempts.refusedFor_s('::ffff:192.0.2.1', null)).toBe(50);
    expect(attempts.refusedFor_s('192.0.2.2', null)).toBeNull();
    await clock.pass(50_000);
    expect(attempts.refusedFor_s('192.0.2.1', null)).toBeNull();
    fail(attempts, '192.0.2.1', 1);
    expect(attempts.refusedFor_s('192.0.2.1', null)).toBeNull();
  });

  it('leave a key alone that worked from there, until it fails itself', () => {
    const attempts = new FailedAttempts(new VirtualClock(), 3);
    attempts.worked('192.0.2.1', 'good');
    fail(attempts, '192.0.2.1', 5);
    expect(attempts.refusedFor_s('192.0.2.1', 'good')).toBeNull();
    expect(attempts.refusedFor_s('192.0.2.1', 'bad')).toBe(60);
    attempts.failed('192.0.2.1', 'good');
    expect(attempts.refusedFor_s('192.0.2.1', 'good')).toBe(60);
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['::1', '::2', true],
    ['fe80::1%eth0', 'fe80::1%eth1', true],
  ])('count %s and %s together: %s', (one, other, together) => {
    const attempts = new FailedAttempts(new VirtualClock(), 2);
    fail(attempts, one, 2);
    expect(attempts.refusedFor_s(other, null) !== null).toBe(together);
  });

  it('are forgotten, the oldest first, when they come from everywhere', () => {
    const attempts = new FailedAttempts(new VirtualClock(), 1);
    for (let k = 0; k < 30_000; k++) {
      attempts.failed(`10.${k >> 16}.${(k >> 8) & 255}.${k & 255}`, null);
      attempts.worked('192.0.2.1', `key-${k}`);
    }
    expect(attempts.refusedFor_s('10.0.0.0', null)).toBeNull();
    expect(attempts.refusedFor_s(`10.0.${29_999 >> 8}.${29_999 & 255}`, null)).toBe(60);
  });
});
