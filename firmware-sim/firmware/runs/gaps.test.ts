// Record headers, and runs that go on when the ring is full: whatever a small host does, every sample is in the log or
// counted in it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameFlag } from '../../../src/link/frame/index.ts';
import { Code, Detail, DeviceState, OverflowPolicy, RunPhase } from '../../../src/link/messages/index.ts';
import type { Envelope, RunState, StartRun } from '../../../src/link/messages/index.ts';
import {
  boardWithProgram,
  fakeCode,
  LIMITS,
  packSlowly,
  settle,
  sha256,
  startRun,
  UNITS,
} from '../board.test-support.ts';
import type { Board, TestHost } from '../board.test-support.ts';
import { QualityFlag, RecordLog } from './record-log.ts';

const CODE_BYTES = 18; // two reads of five codes and a padding code each
const RECORD_BYTES = 12 + CODE_BYTES;
const WINDOW_BYTES = 1_000_000;
const HEADED: Partial<StartRun> = { recordHeader: true };
const DROPPING: Partial<StartRun> = { recordHeader: true, onFull: OverflowPolicy.DROP_WITH_GAP };

type Bench = Board & { host: TestHost; image: Uint8Array };

function board(ringRecords: number): Bench {
  const limits = { ...LIMITS, sampleRingBytes: ringRecords * RECORD_BYTES };
  return boardWithProgram({ limits });
}
function start({ host, image }: Bench, changes: Partial<StartRun>): Envelope | undefined {
  return host.request({ type: 'startRun', value: startRun(sha256(image), changes) });
}
function received(host: TestHost): Uint8Array {
  const out: number[] = [];
  for (const { offset, data } of host.samples()) data.forEach((byte, k) => (out[offset + k] = byte));
  return Uint8Array.from(out);
}
function acknowledge(host: TestHost, ackedTo: number, windowEnd = WINDOW_BYTES): void {
  const value = { run: 1, ackedTo: BigInt(ackedTo), windowEnd: BigInt(windowEnd), missing: [] };
  host.oneWay({ type: 'streamCredit', value });
}
function runState(host: TestHost): RunState | undefined {
  const reply = host.request({ type: 'getStatus', value: {} });
  return reply?.body?.type === 'deviceStatus' ? reply.body.value.run : undefined;
}

interface Record {
  index: number;
  time_us: number;
  flags: number;
  codes: Uint8Array;
  lost: number;
}
/** Read byte by byte, apart from the code of either end. */
function recordsOf(bytes: Uint8Array): Record[] {
  const at = (from: number, count: number): number => {
    let value = 0;
    for (let k = count - 1; k >= 0; k--) value = value * 256 + bytes[from + k];
    return value;
  };
  return Array.from({ length: bytes.length / RECORD_BYTES }, (_, record) => {
    const from = record * RECORD_BYTES;
    const flags = at(from + 10, 2);
    const codes = bytes.slice(from + 12, from + RECORD_BYTES);
    const lost = (flags & 1) === 1 ? at(from + 12, 4) : 0;
    return { index: at(from, 4), time_us: at(from + 4, 6), flags, codes, lost };
  });
}
function codesOf(seed: bigint, sample: number): Uint8Array {
  const reads = [0, 1].map((read) =>
    packSlowly(Array.from({ length: UNITS }, (_, unit) => fakeCode(seed, sample, read, unit))),
  );
  return Uint8Array.from(reads.flat());
}
/** Every sample once, in the log or counted; returns the number lost. */
function expectNothingMissing(records: Record[], samples: number, seed = 5n): number {
  let next = 0;
  let lost = 0;
  let time_us = 0;
  for (const record of records) {
    expect(record.index).toBe(next);
    expect(record.time_us).toBeGreaterThanOrEqual(time_us);
    time_us = record.time_us;
    if (record.lost > 0) expect(record.codes.subarray(4).every((byte) => byte === 0)).toBe(true);
    else expect(record.codes).toEqual(codesOf(seed, record.index));
    next += record.lost || 1;
    lost += record.lost;
  }
  expect(next).toBe(samples);
  return lost;
}
/** DONE, with what the log says of itself. */
function expectEnd(host: TestHost, bytes: Uint8Array): void {
  const gaps = recordsOf(bytes).filter(({ lost }) => lost > 0).length;
  const end = host.eventsOf('runState').at(-1);
  expect(end).toMatchObject({ phase: RunPhase.DONE, totalBytes: BigInt(bytes.length), gaps });
  expect(Buffer.from(end?.digest ?? [])).toEqual(sha256(bytes));
  expect(host.samples().findLast(({ offset, data }) => offset + data.length === bytes.length)?.flags).toBe(
    FrameFlag.last,
  );
}

describe('a record header', () => {
  it('states the sample, the time since boot in microseconds, and whether a code is at an end', async () => {
    const bench = board(100);
    const { host, core, clock } = bench;
    core.hold = true;
    const accepted = start(bench, { ...HEADED, seed: 0n, samples: 80 });
    expect(accepted?.body).toMatchObject({ value: { recordBytes: RECORD_BYTES, totalBytes: 2400n } });
    for (const pause_ms of [1234.567, 0.25]) {
      await settle();
      clock.advance(pause_ms);
      core.release();
    }
    await settle();
    const bytes = received(host);
    const records = recordsOf(bytes);
    expect(expectNothingMissing(records, 80, 0n)).toBe(0);
    expect(new Set(records.map(({ time_us }) => time_us))).toEqual(new Set([1_234_567, 1_234_817]));
    // fakeCode(0, 0, 0, 0) is -2047, and no other one of these is at an end.
    expect(records.filter(({ flags }) => flags !== 0)).toMatchObject([{ index: 0, flags: 2 }]);
    expectEnd(host, bytes);
  });

  it('has 48 bits for the time', () => {
    const shape = { units: UNITS, reads: 2, recordBytes: RECORD_BYTES, totalBytes: RECORD_BYTES };
    const plan = { ...shape, recordHeader: true, dropWithGap: false, run: { samples: 1 } };
    const log = new RecordLog(plan, RECORD_BYTES, RECORD_BYTES);
    log.append(1, new Int16Array(2 * UNITS).fill(1), 0xabcd_8765_4321n);
    const record = recordsOf(log.ring.next(RECORD_BYTES)?.data ?? new Uint8Array(0));
    expect(record).toMatchObject([{ index: 0, time_us: 0xabcd_8765_4321, flags: 0 }]);
  });

  it('does not change that a full ring pauses', async () => {
    const bench = board(4);
    start(bench, HEADED);
    await settle();
    expect(runState(bench.host)).toMatchObject({ phase: RunPhase.PAUSED, gaps: 0 });
    for (let acked = 0; acked <= 10 * RECORD_BYTES; acked += RECORD_BYTES) {
      acknowledge(bench.host, acked);
      await settle();
    }
    const bytes = received(bench.host);
    expect(expectNothingMissing(recordsOf(bytes), 10)).toBe(0);
    expectEnd(bench.host, bytes);
  });
});

describe('a run that drops', () => {
  it('goes on while a slow host has not made room, and says what that cost', async () => {
    const bench = board(6);
    const { host, core, clock } = bench;
    core.hold = true;
    start(bench, { ...DROPPING, samples: 60 });
    let acked = 0;
    for (let batch = 0; core.running > 0 || batch === 0; batch++) {
      await settle();
      clock.advance(2);
      core.release();
      await settle();
      expect(runState(host)?.phase).not.toBe(RunPhase.PAUSED);
      if (batch % 3 === 2) acknowledge(host, (acked += 4 * RECORD_BYTES));
    }
    acknowledge(host, received(host).length);
    await settle();
    const bytes = received(host);
    const records = recordsOf(bytes);
    const lost = expectNothingMissing(records, 60);
    // Six fit, then four places come free three batches later: a gap and three samples, and so on.
    const gaps = records.filter((record) => record.lost > 0);
    expect(gaps.length).toBeGreaterThan(1);
    expect(gaps.every(({ flags }) => flags === QualityFlag.gap)).toBe(true);
    expect(records.length - gaps.length + lost).toBe(60);
    expect(bytes.length).toBeLessThan(60 * RECORD_BYTES);
    expectEnd(host, bytes);
  });

  it('waits in FINISHING for room to tell of the last samples', async () => {
    const bench = board(3);
    const { host } = bench;
    start(bench, { ...DROPPING, samples: 20 });
    await settle();
    expect(received(host)).toHaveLength(3 * RECORD_BYTES);
    expect(host.samples().every(({ flags }) => flags === 0)).toBe(true);
    expect(runState(host)).toMatchObject({ phase: RunPhase.FINISHING, gaps: 0 });
    acknowledge(host, RECORD_BYTES - 1);
    expect(runState(host)).toMatchObject({ phase: RunPhase.FINISHING, gaps: 0 });
    acknowledge(host, RECORD_BYTES);
    const bytes = received(host);
    expect(recordsOf(bytes).at(-1)).toMatchObject({ index: 3, lost: 17, flags: QualityFlag.gap });
    expect(expectNothingMissing(recordsOf(bytes), 20)).toBe(17);
    expectEnd(host, bytes);
  });

  it('tells of the last samples at once where there is room for that', async () => {
    const bench = board(3);
    const { host, core } = bench;
    core.hold = true;
    start(bench, { ...DROPPING, samples: 16 });
    for (let batch = 0; batch < 2; batch++) {
      await settle();
      core.release();
      await settle();
      if (batch === 0) acknowledge(host, RECORD_BYTES); // for a record, not for a gap and a record
    }
    const bytes = received(host);
    expect(recordsOf(bytes).at(-1)).toMatchObject({ index: 3, lost: 13 });
    expect(expectNothingMissing(recordsOf(bytes), 16)).toBe(13);
    expectEnd(host, bytes);
  });

  it('loses nothing when the host keeps up, and gives the codes of a run that pauses', async () => {
    const bench = board(1000);
    start(bench, { ...DROPPING, samples: 200 });
    await settle();
    expect(bench.core.runs.map(({ samples }) => samples)).toEqual([56, 48, 48, 48]);
    const bytes = received(bench.host);
    expect(expectNothingMissing(recordsOf(bytes), 200)).toBe(0);
    expectEnd(bench.host, bytes);
  });

  it('still rests for a silent host, and loses no sample by that', async () => {
    const bench = board(100);
    const { host, core, clock } = bench;
    core.hold = true;
    start(bench, DROPPING);
    await settle();
    clock.advance(5000);
    expect(host.eventsOf('runState')).toMatchObject([{ status: { detail: Detail.HOST_SILENT } }]);
    core.hold = false;
    core.release();
    await settle();
    host.request({ type: 'ping', value: { nonce: 1 } });
    await settle();
    expect(expectNothingMissing(recordsOf(received(host)), 10)).toBe(0);
  });

  it('is stopped with the gaps that its log tells of', async () => {
    const bench = board(2);
    const { host, core } = bench;
    core.hold = true;
    start(bench, { ...DROPPING, samples: 100 });
    for (let batch = 0; batch < 2; batch++) {
      await settle();
      core.release();
    }
    await settle();
    host.request({ type: 'stopRun', value: { run: 1 } });
    const stopped = host.eventsOf('runState').at(-1);
    expect(stopped).toMatchObject({ phase: RunPhase.STOPPED, totalBytes: 60n, gaps: 0 });
    const before = host.samples().length;
    acknowledge(host, 2 * RECORD_BYTES);
    expect(host.samples()).toHaveLength(before);
    expect(Buffer.from(stopped?.digest ?? [])).toEqual(sha256(received(host)));
  });

  it('is refused without headers, and nothing starts', () => {
    const bench = board(10);
    expect(start(bench, { onFull: OverflowPolicy.DROP_WITH_GAP })?.status).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      detail: Detail.BAD_SCHEDULE,
      message: 'DROP_WITH_GAP needs record_header',
    });
    expect(bench.core.runs).toEqual([]);
    const status = bench.host.request({ type: 'getStatus', value: {} });
    expect(status?.body).toMatchObject({ value: { state: DeviceState.IDLE } });
  });

  it('accounts for every sample, whatever ring, credit and timing', async () => {
    const step = fc.record({
      kind: fc.constantFrom('batch', 'consume', 'window'),
      records: fc.integer({ min: 0, max: 9 }),
      odd: fc.integer({ min: 0, max: RECORD_BYTES }),
    });
    const shape = {
      ring: fc.integer({ min: 1, max: 12 }),
      samples: fc.integer({ min: 1, max: 150 }),
      steps: fc.array(step, { maxLength: 40 }),
    };
    const property = fc.asyncProperty(fc.record(shape), async ({ ring, samples, steps }) => {
      const bench = board(ring);
      const { host, core, clock } = bench;
      host.hello({ hostNonce: 90, rxWindowBytes: 2 * RECORD_BYTES });
      core.hold = true;
      start(bench, { ...DROPPING, samples });
      let [acked, window] = [0, 2 * RECORD_BYTES];
      for (const { kind, records, odd } of steps) {
        const bytes = records * RECORD_BYTES + odd;
        if (kind === 'batch') core.release();
        else if (kind === 'consume') acked = Math.min(acked + bytes, received(host).length);
        else window += bytes;
        acknowledge(host, acked, window);
        clock.advance(1);
        await settle();
      }
      core.hold = false;
      core.release();
      for (let turn = 0; host.eventsOf('runState').length === 0; turn++) {
        expect(turn).toBeLessThan(2 * samples + 10);
        await settle();
        acknowledge(host, received(host).length);
      }
      const bytes = received(host);
      expectNothingMissing(recordsOf(bytes), samples);
      expect(bytes.length).toBeLessThanOrEqual(samples * RECORD_BYTES);
      expectEnd(host, bytes);
    });
    await fc.assert(property, { numRuns: 60, seed: 7 });
  });
});
