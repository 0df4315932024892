// What a device announces: taken when it follows from the request, named as a protocol error when it cannot be true.
import { describe, expect, it } from 'vitest';
import type { Limits } from '../messages/index.ts';
import { announcedBytes, announcedTransfer } from './announced.ts';
import { scheduleOrder } from './run-order.ts';
import type { RunRequest } from './types.ts';

const limits = { units: 5 } as Limits;
const request: RunRequest = {
  programId: '',
  samples: 10,
  initial: 'zero',
  phases: [
    { duration_ns: 100, coupled: false },
    { duration_ns: 100, coupled: true, readAt_ns: [0, 100], readEvery_ns: 30 },
  ],
};
const announce = (recordBytes: number, totalBytes: bigint): number =>
  announcedBytes({ run: 1, recordBytes, totalBytes, estMs: 0 }, scheduleOrder(request), limits);

describe('announced sizes of a run', () => {
  it('are taken up to two single reads, three of the fast record and five units in pairs', () => {
    expect(announce(45, 450n)).toBe(450);
    expect(announce(9, 90n)).toBe(90); // fewer units, or reads that coincide
  });

  it('are refused where they disagree with each other or with the schedule', () => {
    expect(() => announce(45, 451n)).toThrow(expect.objectContaining({ code: 'protocol-error' }));
    expect(() => announce(46, 460n)).toThrow(/records of 46 bytes, where the schedule allows 45/);
    expect(() => announce(2 ** 31, BigInt(10 * 2 ** 31))).toThrow(
      expect.objectContaining({ code: 'protocol-error' }),
    );
  });
});

describe('announced sizes of records with headers', () => {
  const headed = { ...request, recordHeader: true };
  const announced = (recordBytes: number, of: RunRequest): number =>
    announcedBytes(
      { run: 1, recordBytes, totalBytes: BigInt(10 * recordBytes), estMs: 0 },
      scheduleOrder(of),
      limits,
    );

  it('have room for the header, and for the number lost where samples may be', () => {
    expect(announced(57, headed)).toBe(570);
    expect(() => announced(58, headed)).toThrow(/allows 57/);
    expect(() => announced(11, headed)).toThrow(/records of 11 bytes, where a header needs 12/);
    expect(announced(15, headed)).toBe(150);
    expect(() => announced(15, { ...headed, onFull: 'drop-with-gap' })).toThrow(/needs 16/);
  });
});

describe('the number of a transfer', () => {
  it('fits the 16 bits of a CHUNK frame', () => {
    expect([1, 65_535].map(announcedTransfer)).toEqual([1, 65_535]);
    for (const wrong of [0, 65_536, 2 ** 32 - 1]) {
      expect(() => announcedTransfer(wrong)).toThrow(expect.objectContaining({ code: 'protocol-error' }));
    }
  });
});
