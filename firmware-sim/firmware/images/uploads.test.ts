// Uploads as a host sees them: resume, reports, repair of bad pages, refusals.
import { describe, expect, it } from 'vitest';
import { FrameFlag } from '../../../src/link/frame/index.ts';
import { Code, Detail, ImageKind, LoadState } from '../../../src/link/messages/index.ts';
import type { BeginLoad, BodyOf, EnvelopeBodies } from '../../../src/link/messages/index.ts';
import {
  beginLoad,
  boardWithProgram,
  bootBoard,
  buildImage,
  CAPABILITIES,
  HandClock,
  LIMITS,
  sha256,
  TestHost,
} from '../board.test-support.ts';
import { ImageLoads } from './loads.ts';

const image = buildImage();
const open = (): { host: TestHost; clock: HandClock } => {
  const { controller, clock } = bootBoard();
  const host = new TestHost(controller);
  host.hello();
  return { host, clock };
};
const begin = (host: TestHost, bytes: Uint8Array, changes: Partial<BeginLoad> = {}) =>
  host.request({ type: 'beginLoad', value: beginLoad(bytes, changes) });
const bodyOf = <K extends keyof EnvelopeBodies>(
  envelope: { body?: BodyOf<EnvelopeBodies> } | undefined,
  type: K,
): EnvelopeBodies[K] => {
  if (envelope?.body?.type !== type) throw new Error(`no ${type} but ${envelope?.body?.type}`);
  return envelope.body.value as EnvelopeBodies[K];
};
const reports = (host: TestHost) =>
  host.envelopes().flatMap((e) => (e.body?.type === 'loadReport' ? [e.body.value] : []));
const part = (offset: number): Uint8Array => image.subarray(offset, offset + 48);

describe('an upload', () => {
  it('is staged once its hash fits, activated, and never sent again', () => {
    const { host } = open();
    const reply = host.load(image);
    expect(reply?.status?.code).toBe(Code.OK);
    expect(bodyOf(reply, 'loadResult')).toMatchObject({ state: LoadState.STAGED, badPages: [] });
    expect(bodyOf(begin(host, image), 'loadAccepted')).toMatchObject({
      state: LoadState.STAGED,
      missing: [],
    });
    expect(host.activate(image)?.status?.code).toBe(Code.OK);
    expect(bodyOf(begin(host, image, { bank: 1 }), 'loadAccepted').state).toBe(LoadState.ACTIVE);
  });

  it('resumes with what is missing, also in a later session', () => {
    const { host } = open();
    const first = bodyOf(begin(host, image), 'loadAccepted');
    expect(first.missing).toEqual([{ from: 0n, to: BigInt(image.length) }]);
    for (const offset of [0, 96]) host.chunk({ id: first.transfer, offset, data: part(offset) });
    host.hello({ hostNonce: 99 });
    const again = bodyOf(begin(host, image), 'loadAccepted');
    expect(again.transfer).toBe(first.transfer);
    expect(again.missing).toEqual([
      { from: 48n, to: 96n },
      { from: 144n, to: BigInt(image.length) },
    ]);
  });

  it('begins anew with another chunk size', () => {
    const { host } = open();
    const first = bodyOf(begin(host, image), 'loadAccepted');
    host.chunk({ id: first.transfer, offset: 0, data: part(0) });
    const second = bodyOf(begin(host, image, { chunkBytes: 24 }), 'loadAccepted');
    expect(second.transfer).not.toBe(first.transfer);
    expect(second.missing).toEqual([{ from: 0n, to: BigInt(image.length) }]);
  });

  it('reports when asked, when a gap appears, when whole, and 50 ms after the last chunk', () => {
    const { host, clock } = open();
    const { transfer } = bodyOf(begin(host, image), 'loadAccepted');
    host.chunk({ id: transfer, offset: 0, data: part(0) });
    expect(reports(host)).toHaveLength(0);
    host.chunk({ id: transfer, offset: 96, data: part(96) }); // 48 was lost
    expect(reports(host).at(-1)).toMatchObject({ contiguousTo: 48, missing: [{ from: 48n, to: 96n }] });
    host.chunk({ id: transfer, offset: 0, data: part(0) }, FrameFlag.reportNow);
    expect(reports(host)).toHaveLength(2);
    host.chunk({ id: transfer, offset: 48, data: part(48) }, FrameFlag.replay);
    expect(reports(host)).toHaveLength(2);
    clock.advance(50);
    expect(reports(host).at(-1)).toMatchObject({ contiguousTo: 144, missing: [] });
    for (let at = 144; at < image.length; at += 48) host.chunk({ id: transfer, offset: at, data: part(at) });
    expect(reports(host)).toHaveLength(4);
    expect(reports(host).at(-1)).toMatchObject({ receivedBytes: image.length, contiguousTo: image.length });
    clock.advance(1000);
    expect(reports(host)).toHaveLength(4);
  });

  it('reports every quarter window', () => {
    const sent: number[] = [];
    const loads = new ImageLoads({
      clock: new HandClock(),
      capabilities: CAPABILITIES,
      limits: { ...LIMITS, loadWindowBytes: 4 * 96 },
      report: (report) => sent.push(report.receivedBytes),
      memoryFault: () => undefined,
      fieldsInUse: () => [],
    });
    const accepted = loads.begin(beginLoad(image));
    if (!accepted.ok) throw new Error(accepted.status.message);
    for (const offset of [0, 48, 96, 144]) {
      loads.chunk({ id: accepted.value.transfer, offset, data: part(offset) }, false);
    }
    loads.close();
    expect(sent.slice(0, 1)).toEqual([96]);
    expect(sent.every((bytes) => bytes % 96 === 0 || bytes === image.length)).toBe(true);
  });

  it('counts chunks that fit nowhere, and stays whole', () => {
    const { host } = open();
    const { transfer } = bodyOf(begin(host, image), 'loadAccepted');
    host.chunk({ id: transfer + 1, offset: 0, data: part(0) });
    host.chunk({ id: 0, offset: 0, data: part(0) });
    host.chunk({ id: transfer, offset: 7, data: part(0) });
    host.chunk({ id: transfer, offset: 0, data: part(0).subarray(1) });
    host.sendFrame(3, new Uint8Array(3));
    const status = bodyOf(host.request({ type: 'getStatus', value: {} }), 'deviceStatus');
    expect(status.link?.rxRejected).toBe(5);
    expect(status.bank[0]).toMatchObject({ state: LoadState.LOADING, receivedBytes: 0 });
  });

  it('ignores late chunks of a whole image', () => {
    const { host } = open();
    const { transfer } = bodyOf(begin(host, image), 'loadAccepted');
    host.load(image);
    host.chunk({ id: transfer, offset: 0, data: new Uint8Array(48) }, FrameFlag.reportNow);
    expect(reports(host).at(-1)).toMatchObject({ receivedBytes: image.length });
    expect(host.activate(image)?.status?.code).toBe(Code.OK);
  });

  it('refuses to finish what is not whole, not known, or another image', () => {
    const { host } = open();
    const { transfer } = bodyOf(begin(host, image), 'loadAccepted');
    const finish = (id: number, programId: Uint8Array) =>
      host.request({ type: 'finishLoad', value: { transfer: id, programId } })?.status;
    expect(finish(transfer, sha256(image))).toMatchObject({ code: Code.FAILED_PRECONDITION });
    expect(finish(transfer + 1, sha256(image))).toMatchObject({ code: Code.NOT_FOUND });
    expect(finish(transfer, sha256(part(0)))).toMatchObject({ detail: Detail.HASH_MISMATCH });
  });

  it('is dropped by AbortLoad, which may be repeated', () => {
    const { host } = open();
    const { transfer } = bodyOf(begin(host, image), 'loadAccepted');
    for (const _ of [1, 2]) {
      expect(host.request({ type: 'abortLoad', value: { transfer } })?.status?.code).toBe(Code.OK);
    }
    const status = bodyOf(host.request({ type: 'getStatus', value: {} }), 'deviceStatus');
    expect(status.bank[0].state).toBe(LoadState.EMPTY);
  });

  it('names every page when the bytes that came have another hash, and gives up the second time', () => {
    const { host } = open();
    const damaged = image.slice();
    damaged[140] ^= 1;
    const order = beginLoad(image);
    const send = () => {
      const { transfer } = bodyOf(host.request({ type: 'beginLoad', value: order }), 'loadAccepted');
      for (let at = 0; at < damaged.length; at += 48) {
        host.chunk({ id: transfer, offset: at, data: damaged.subarray(at, at + 48) });
      }
      return host.request({ type: 'finishLoad', value: { transfer, programId: order.programId } });
    };
    const first = send();
    expect(first?.status).toMatchObject({ code: Code.DATA_LOSS, detail: Detail.HASH_MISMATCH });
    expect(bodyOf(first, 'loadResult')).toMatchObject({
      state: LoadState.LOADING,
      badPages: [0],
      computedId: new Uint8Array(sha256(damaged)),
    });
    const second = send();
    expect(second?.status?.code).toBe(Code.DATA_LOSS);
    expect(bodyOf(second, 'loadResult').state).toBe(LoadState.EMPTY);
    // The memory kept what it was given: the host is wrong, the board is not.
    expect(bodyOf(host.request({ type: 'getStatus', value: {} }), 'deviceStatus').fault).toEqual([]);
    expect(host.load(image)?.status?.code).toBe(Code.OK);
  });

  it('is refused when it is no image, whatever its hash', () => {
    const { host } = open();
    const bad = buildImage({ j4: [1, 1, 1, 1, 0] });
    expect(host.load(bad)?.status).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      detail: Detail.BAD_LAYOUT,
      message: 'J4 code 0 of unit 4 is not above 0',
    });
    const status = bodyOf(host.request({ type: 'getStatus', value: {} }), 'deviceStatus');
    expect(status.bank[0].state).toBe(LoadState.EMPTY);
  });

  it('never goes into the active bank', () => {
    const { host } = boardWithProgram();
    const other = buildImage({ bias: [1, 2, 3, 4, 5] });
    expect(begin(host, other)?.status).toMatchObject({ detail: Detail.BANK_BUSY });
    expect(host.load(other, { bank: 1 })?.status?.code).toBe(Code.OK);
  });

  it.each<[string, Partial<BeginLoad>, Code, Detail]>([
    ['half an id', { programId: new Uint8Array(16) }, Code.INVALID_ARGUMENT, Detail.UNSPECIFIED],
    ['half a base id', { baseProgramId: new Uint8Array(16) }, Code.INVALID_ARGUMENT, Detail.UNSPECIFIED],
    ['an unknown base', { baseProgramId: new Uint8Array(32) }, Code.NOT_FOUND, Detail.NO_BASE],
    [
      'a patch longer than the image',
      { baseProgramId: new Uint8Array(32), totalBytes: image.length + 1 },
      Code.OUT_OF_RANGE,
      Detail.TOO_LARGE,
    ],
    [
      'an empty patch',
      { baseProgramId: new Uint8Array(32), totalBytes: 0 },
      Code.OUT_OF_RANGE,
      Detail.TOO_LARGE,
    ],
    ['a calibration table', { kind: ImageKind.CALIBRATION_TABLE }, Code.UNIMPLEMENTED, Detail.UNSPECIFIED],
    ['an unknown bank', { bank: 2 }, Code.INVALID_ARGUMENT, Detail.UNSPECIFIED],
    ['chunks of 0 bytes', { chunkBytes: 0 }, Code.INVALID_ARGUMENT, Detail.UNSPECIFIED],
    ['chunks off the grid', { chunkBytes: 25 }, Code.INVALID_ARGUMENT, Detail.UNSPECIFIED],
    ['chunks above the limit', { chunkBytes: 60 }, Code.INVALID_ARGUMENT, Detail.UNSPECIFIED],
    ['too large an image', { totalBytes: 1e6 }, Code.OUT_OF_RANGE, Detail.TOO_LARGE],
    ['no layout', { layout: undefined }, Code.INVALID_ARGUMENT, Detail.BAD_LAYOUT],
    ['another size than its layout', { totalBytes: 128 }, Code.INVALID_ARGUMENT, Detail.BAD_LAYOUT],
    [
      'another topology',
      { layout: { units: 5, topologyId: 2, packing: 1, version: 1 } },
      Code.INVALID_ARGUMENT,
      Detail.BAD_LAYOUT,
    ],
    [
      'too many units',
      { layout: { units: 6, topologyId: 1, packing: 1, version: 1 } },
      Code.INVALID_ARGUMENT,
      Detail.BAD_LAYOUT,
    ],
  ])('is refused with %s', (_, changes, code, detail) => {
    const { host } = open();
    expect(begin(host, image, changes)?.status).toMatchObject({ code, detail });
  });
});

describe('a board with bad memory', () => {
  it('names the page, and latches a fault when it happens again', () => {
    const faults: number[] = [];
    const loads = new ImageLoads({
      clock: new HandClock(),
      capabilities: CAPABILITIES,
      limits: LIMITS,
      report: () => undefined,
      memoryFault: (bank) => faults.push(bank),
      fieldsInUse: () => [],
    });
    const order = beginLoad(image);
    const send = () => {
      const accepted = loads.begin(order);
      if (!accepted.ok) throw new Error(accepted.status.message);
      const { transfer } = accepted.value;
      for (let offset = 0; offset < image.length; offset += 48) {
        loads.chunk({ id: transfer, offset, data: part(offset) }, false);
      }
      const { image: held } = loads.programs[0];
      if (held !== null) held[130] ^= 4;
      return loads.finish({ transfer, programId: order.programId });
    };
    expect(send()).toMatchObject({
      ok: true,
      value: { status: { code: Code.DATA_LOSS }, result: { badPages: [0] } },
    });
    expect(faults).toEqual([]);
    send();
    loads.close();
    expect(faults).toEqual([0]);
  });
});

describe('field slots', () => {
  it('hold eight fields beside the programs', () => {
    const { host } = open();
    for (let slot = 0; slot < 8; slot++) {
      const field = buildImage({ kind: 2, field: [slot, 0, 0, 0, 0] });
      expect(host.load(field, { bank: slot })?.status?.code).toBe(Code.OK);
    }
    const first = buildImage({ kind: 2, field: [0, 0, 0, 0, 0] });
    expect(bodyOf(begin(host, first, { bank: 7 }), 'loadAccepted').state).toBe(LoadState.STAGED);
    expect(begin(host, first, { bank: 8 })?.status?.code).toBe(Code.INVALID_ARGUMENT);
  });

  it('cannot be activated', () => {
    const { host } = open();
    const field = buildImage({ kind: 2 });
    host.load(field);
    expect(host.activate(field)?.status?.code).toBe(Code.NOT_FOUND);
  });
});
