// Every failure of the floors below has a code, a remedy and an outcome here.
import { describe, expect, it } from 'vitest';
import { LinkError, linkErrorCodes } from '../link/index.ts';
import { PhysicsError } from '../physics/index.ts';
import type { DeviceError } from './errors.ts';
import { deviceErrorCodes, notReady, toDeviceError } from './errors.ts';

const of = (...args: ConstructorParameters<typeof LinkError>): DeviceError =>
  toDeviceError(new LinkError(...args), 'd');

describe('device errors', () => {
  it('gives every link code a device code, and keeps the cause', () => {
    for (const code of linkErrorCodes) {
      const cause = new LinkError(code, 'why');
      const error = toDeviceError(cause, 'd');
      expect(deviceErrorCodes).toContain(error.code);
      expect(error.cause).toBe(cause);
      expect(error.remedy).not.toBe('');
    }
  });

  it('tells what the device says: faults, limits and its own watchdog', () => {
    expect(of('refused', 'volts', { detail: 502 })).toMatchObject({ code: 'device-fault', detail: 502 });
    for (const code of ['refused', 'run-failed'] as const)
      expect(of(code, 'hot', { detail: 501 })).toMatchObject({
        code: 'device-too-hot',
        detail: 501,
        retryable: true,
      });
    expect(of('run-failed', 'clipped', { detail: 503 }).code).toBe('device-fault');
    expect([of('refused', 'hot', { detail: 501 }), of('run-failed', 'hot', { detail: 501 })]).toMatchObject([
      { outcome: 'not_applied' },
      { outcome: 'unknown' },
    ]);
    expect(of('refused', 'no', { detail: 207 })).toMatchObject({ code: 'out-of-range', retryable: false });
    expect(of('refused', 'no', { deviceCode: 11 }).code).toBe('out-of-range');
    expect(of('run-failed', 'silence', { detail: 304 }).code).toBe('link-timeout');
    expect(of('refused', 'later', { retryable: true })).toMatchObject({ code: 'refused', retryable: true });
    expect(of('link-timeout', 'slow', { outcome: 'unknown' }).outcome).toBe('unknown');
  });

  it('blames the request for what physics cannot take, and the device for what does not decode', () => {
    const bad = new PhysicsError('noise-temperature-out-of-range', 'no', { pointer: '/x', allowed: 'y' });
    expect(toDeviceError(bad, 'd')).toMatchObject({ code: 'out-of-range', pointer: '/x', allowed: 'y' });
    const record = new PhysicsError('bad-record', 'no', { allowed: 'y' });
    expect(toDeviceError(record, 'd').code).toBe('data-loss');
    expect(toDeviceError(new Error('bug'), 'd')).toMatchObject({ code: 'refused', outcome: 'unknown' });
  });

  it('answers for a device that is not ready by why it is not', () => {
    const reason = (code: string) => ({ code, message: 'm', remedy: 'do it' });
    expect(notReady('d', false, reason('port-failed'))).toMatchObject({
      code: 'device-offline',
      retryable: true,
    });
    expect(notReady('d', true, reason('wrong-backend'))).toMatchObject({
      code: 'wrong-backend',
      remedy: 'do it',
    });
    expect(notReady('d', true, reason('unsupported-version')).code).toBe('schema-mismatch');
    expect(notReady('d', true, reason('fence-stale')).code).toBe('refused');
  });
});
