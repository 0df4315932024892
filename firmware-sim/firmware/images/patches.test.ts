// Patches as a host sees them: what is refused and by what name, resume, and that nothing but the target bank changes.
import { describe, expect, it } from 'vitest';
import { Code, Detail, Feature, LoadState } from '../../../src/link/messages/index.ts';
import type { BeginLoad, Envelope } from '../../../src/link/messages/index.ts';
import { encodePatch } from '../../../src/link/transfers/patch.ts';
import {
  beginLoad,
  bootBoard,
  buildImage,
  CAPABILITIES,
  HandClock,
  LIMITS,
  sha256,
  TestHost,
} from '../board.test-support.ts';
import { ImageLoads } from './loads.ts';

const base = buildImage();
const image = buildImage({ bias: [1, 2, 3, 4, 5], couplings: [9, 8, 7, 6, 5, 4, 3, 2, 1, 0] });
const CHUNK_BYTES = 12;

function patchBetween(from: Uint8Array, to: Uint8Array): Uint8Array {
  const stream = encodePatch(from, to, to.length);
  if (stream === null) throw new Error('no patch');
  return stream;
}
const patch = patchBetween(base, image);

/** A board whose bank 0 holds the active base. */
function open(): TestHost {
  const host = new TestHost(bootBoard().controller);
  expect((host.hello()?.features ?? 0) & Feature.PATCH).toBe(Feature.PATCH);
  host.load(base);
  expect(host.activate(base)?.status?.code).toBe(Code.OK);
  return host;
}

function begin(host: TestHost, changes: Partial<BeginLoad> = {}): Envelope | undefined {
  const value = beginLoad(image, {
    bank: 1,
    chunkBytes: CHUNK_BYTES,
    totalBytes: patch.length,
    baseProgramId: sha256(base),
    ...changes,
  });
  return host.request({ type: 'beginLoad', value });
}
function accepted(envelope: Envelope | undefined) {
  if (envelope?.body?.type !== 'loadAccepted') throw new Error(`refused: ${envelope?.status?.message}`);
  return envelope.body.value;
}
function send(host: TestHost, transfer: number, stream: Uint8Array, from = 0, to = stream.length): void {
  for (let offset = from; offset < to; offset += CHUNK_BYTES) {
    host.chunk({ id: transfer, offset, data: stream.subarray(offset, offset + CHUNK_BYTES) });
  }
}
const finish = (host: TestHost, transfer: number, of = image) =>
  host.request({ type: 'finishLoad', value: { transfer, programId: sha256(of) } });
function bank(host: TestHost, index: number) {
  const reply = host.request({ type: 'getStatus', value: {} });
  if (reply?.body?.type !== 'deviceStatus') throw new Error('no status');
  return reply.body.value.bank[index];
}

describe('a patch', () => {
  it('becomes the image in the other bank, which can be activated, and is never sent again', () => {
    const host = open();
    const { transfer, missing } = accepted(begin(host));
    expect(missing).toEqual([{ from: 0n, to: BigInt(patch.length) }]);
    expect(bank(host, 1)).toMatchObject({ state: LoadState.LOADING, patch: true, receivedBytes: 0 });
    send(host, transfer, patch);
    expect(bank(host, 1)).toMatchObject({ patch: true, receivedBytes: patch.length });
    expect(finish(host, transfer)).toMatchObject({
      status: { code: Code.OK },
      body: { value: { state: LoadState.STAGED, computedId: new Uint8Array(sha256(image)), badPages: [] } },
    });
    expect(bank(host, 1)).toMatchObject({ patch: false, receivedBytes: image.length });
    expect(bank(host, 0).state).toBe(LoadState.ACTIVE);
    expect(accepted(begin(host)).state).toBe(LoadState.STAGED);
    expect(host.activate(image)?.status?.code).toBe(Code.OK);
  });

  it('resumes with what is missing, also in a later session and after its base is gone', () => {
    const host = open();
    const { transfer } = accepted(begin(host));
    send(host, transfer, patch, 0, CHUNK_BYTES);
    host.hello({ hostNonce: 99 });
    const again = accepted(begin(host));
    expect(again.transfer).toBe(transfer);
    expect(again.missing).toEqual([{ from: BigInt(CHUNK_BYTES), to: BigInt(patch.length) }]);
    send(host, transfer, patch, CHUNK_BYTES);
    expect(finish(host, transfer)?.status?.code).toBe(Code.OK);
  });

  it('keeps its copy of the base when another image takes the bank of the base', () => {
    const host = new TestHost(bootBoard().controller);
    host.hello();
    host.load(base); // staged in bank 0, not active
    const { transfer } = accepted(begin(host));
    const third = buildImage({ bias: [7, 7, 7, 7, 7] });
    expect(host.load(third)?.status?.code).toBe(Code.OK);
    send(host, transfer, patch);
    expect(finish(host, transfer)?.status?.code).toBe(Code.OK);
    // but a new one finds no base any more
    const next = buildImage({ bias: [8, 8, 8, 8, 8] });
    expect(begin(host, { programId: sha256(next) })?.status).toMatchObject({
      code: Code.NOT_FOUND,
      detail: Detail.NO_BASE,
    });
  });

  it('begins anew as an image, and as a patch against another base', () => {
    const host = open();
    const { transfer } = accepted(begin(host));
    send(host, transfer, patch, 0, CHUNK_BYTES);
    const whole = accepted(begin(host, { totalBytes: image.length, baseProgramId: new Uint8Array(0) }));
    expect(whole.transfer).not.toBe(transfer);
    expect(whole.missing).toEqual([{ from: 0n, to: BigInt(image.length) }]);
    expect(bank(host, 1).patch).toBe(false);
  });

  it.each<[string, Partial<BeginLoad>, Code, Detail]>([
    ['a base nobody knows', { baseProgramId: sha256(patch) }, Code.NOT_FOUND, Detail.NO_BASE],
    ['a base that is still loading', { baseProgramId: sha256(image) }, Code.NOT_FOUND, Detail.NO_BASE],
    [
      'a base of another length',
      { layout: { units: 4, topologyId: 1, packing: 1, version: 1 }, totalBytes: 20 },
      Code.FAILED_PRECONDITION,
      Detail.NO_BASE,
    ],
    ['the active bank as target', { bank: 0 }, Code.FAILED_PRECONDITION, Detail.BANK_BUSY],
  ])('is refused with %s, and nothing changes', (_, changes, code, detail) => {
    const host = open();
    const before = [bank(host, 0), bank(host, 1)];
    expect(begin(host, changes)?.status).toMatchObject({ code, detail });
    expect([bank(host, 0), bank(host, 1)]).toEqual(before);
  });

  it('is refused into the bank of its own base', () => {
    const host = new TestHost(bootBoard().controller);
    host.hello();
    host.load(base);
    expect(begin(host, { bank: 0 })?.status).toMatchObject({
      code: Code.FAILED_PRECONDITION,
      detail: Detail.NO_BASE,
    });
    expect(bank(host, 0).state).toBe(LoadState.STAGED);
  });

  it('of another form is named BAD_PATCH, and drops the bank', () => {
    const host = open();
    const broken = patch.slice();
    broken[0] = 0xfc; // a gap far beyond
    broken[1] = 0x7f;
    const { transfer } = accepted(begin(host));
    send(host, transfer, broken);
    expect(finish(host, transfer)?.status).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      detail: Detail.BAD_PATCH,
      message: 'not a patch for this image: beyond-image',
    });
    expect(bank(host, 1).state).toBe(LoadState.EMPTY);
    expect(bank(host, 0).state).toBe(LoadState.ACTIVE);
    expect(finish(host, transfer)?.status?.code).toBe(Code.NOT_FOUND);
    expect(host.load(image, { bank: 1 })?.status?.code).toBe(Code.OK);
  });

  it('that gives another image is DATA_LOSS with an empty bank, and no fault of the memory', () => {
    const host = open();
    const wrong = patch.slice();
    wrong[wrong.length - 1] ^= 1; // data of the last span
    const { transfer } = accepted(begin(host));
    send(host, transfer, wrong);
    expect(finish(host, transfer)).toMatchObject({
      status: { code: Code.DATA_LOSS, detail: Detail.HASH_MISMATCH },
      body: { value: { state: LoadState.EMPTY, badPages: [] } },
    });
    expect(host.activate(image)?.status?.code).toBe(Code.NOT_FOUND);
  });

  it('to no valid image is refused for its layout', () => {
    const host = open();
    const bad = buildImage({ j4: [1, 1, 1, 1, 0] });
    const stream = patchBetween(base, bad);
    const { transfer } = accepted(begin(host, { programId: sha256(bad), totalBytes: stream.length }));
    send(host, transfer, stream);
    expect(finish(host, transfer, bad)?.status).toMatchObject({ detail: Detail.BAD_LAYOUT });
  });

  it('of a field is taken against another field', () => {
    const host = open();
    const first = buildImage({ kind: 2, field: [1, 2, 3, 4, 5] });
    const second = buildImage({ kind: 2, field: [1, 2, 3, 4, 6] });
    host.load(first);
    const stream = patchBetween(first, second);
    const changes = { baseProgramId: sha256(first), totalBytes: stream.length, bank: 1, chunkBytes: 12 };
    const reply = host.request({ type: 'beginLoad', value: beginLoad(second, changes) });
    send(host, accepted(reply).transfer, stream);
    expect(finish(host, accepted(reply).transfer, second)?.status?.code).toBe(Code.OK);
  });
});

describe('a board with bad memory', () => {
  function loadsWithBase() {
    const faults: number[] = [];
    const loads = new ImageLoads({
      clock: new HandClock(),
      capabilities: CAPABILITIES,
      limits: LIMITS,
      report: () => undefined,
      memoryFault: (at) => faults.push(at),
      fieldsInUse: () => [],
    });
    const put = (order: BeginLoad, bytes: Uint8Array): number => {
      const reply = loads.begin(order);
      if (!reply.ok) throw new Error(reply.status.message);
      const { transfer } = reply.value;
      for (let offset = 0; offset < bytes.length; offset += order.chunkBytes) {
        loads.chunk({ id: transfer, offset, data: bytes.subarray(offset, offset + order.chunkBytes) }, false);
      }
      return transfer;
    };
    const finishWith = (transfer: number, of: Uint8Array) =>
      loads.finish({ transfer, programId: sha256(of) });
    finishWith(put(beginLoad(base), base), base);
    const order = beginLoad(image, {
      bank: 1,
      totalBytes: patch.length,
      baseProgramId: sha256(base),
      chunkBytes: CHUNK_BYTES,
    });
    return { loads, faults, put, finishWith, order };
  }

  it('repairs a patch that reads back unlike what arrived, once', () => {
    const { loads, faults, put, finishWith, order } = loadsWithBase();
    const spoil = (): number => {
      const transfer = put(order, patch);
      const { arrivals } = loads.programs[1];
      if (arrivals !== null) arrivals.bytes[3] ^= 1;
      return transfer;
    };
    expect(finishWith(spoil(), image)).toMatchObject({
      value: { status: { code: Code.DATA_LOSS }, result: { state: LoadState.LOADING, badPages: [0] } },
    });
    expect(finishWith(put(order, patch), image)).toMatchObject({ value: { status: { code: Code.OK } } });
    expect(faults).toEqual([]);
    loads.close();
  });

  it('blames the bank of the base when that no longer is what it was', () => {
    const { loads, faults, put, finishWith, order } = loadsWithBase();
    const { image: held } = loads.programs[0];
    if (held !== null) held[60] ^= 1;
    expect(finishWith(put(order, patch), image)).toMatchObject({
      value: { status: { code: Code.DATA_LOSS }, result: { state: LoadState.EMPTY } },
    });
    expect(faults).toEqual([0]);
    loads.close();
  });
});
