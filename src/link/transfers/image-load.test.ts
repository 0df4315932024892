// What a refused patch leads to: the image, unless the image would be refused as well or the device is gone.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { Code, Detail, Feature, ImageKind, LoadState, type Bank, type BeginLoad } from '../messages/index.ts';
import { newLinkCounters } from '../session/counters.ts';
import { LinkError } from '../session/link-error.ts';
import type { EnvelopeBody } from '../session/outbox.ts';
import { refusal } from '../session/refusal.ts';
import type { Session } from '../session/session.ts';
import { ImageCache } from './image-cache.ts';
import { loadImage } from './image-load.ts';

const base = new Uint8Array(600);
const image = base.slice().fill(7, 100, 110);
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const bank = (index: number, state: LoadState, programId: Uint8Array): Bank => ({
  index,
  state,
  programId,
  receivedBytes: 0,
  kind: ImageKind.PROGRAM,
  patch: false,
});

/** A session whose device holds the base, meets patches with `answer`, and says of the image that it has it. */
function session(answer: () => Error, features: number = Feature.PATCH) {
  const begun: BeginLoad[] = [];
  const counters = newLinkCounters();
  const request = async (_what: string, body: EnvelopeBody): Promise<unknown> => {
    if (body.type === 'getStatus')
      return { bank: [bank(0, LoadState.ACTIVE, sha256(base)), bank(1, LoadState.EMPTY, new Uint8Array(0))] };
    if (body.type !== 'beginLoad') throw new Error(`unexpected ${body.type}`);
    begun.push(body.value);
    if (body.value.baseProgramId.length > 0) throw answer();
    return { transfer: 1, state: LoadState.STAGED, missing: [], moreMissing: false, windowBytes: 960 };
  };
  const fake = {
    hello: { features, limits: { chunkBytes: 96, maxPayload: 632, loadWindowBytes: 960 } },
    clock: new VirtualClock(),
    counters,
    closed: null,
    request,
    listen: () => () => undefined,
    setBulkSource: () => undefined,
  };
  return { session: fake as unknown as Session, begun, counters };
}

function load(of: Session, id?: string) {
  const images = new ImageCache();
  images.put(sha256(base).toString('hex'), base);
  return loadImage(of, image, { kind: 'program', units: 4, ...(id !== undefined && { id }) }, images);
}
const refused =
  (code: Code, detail: Detail = Detail.UNSPECIFIED) =>
  (): Error =>
    refusal('BeginLoad', { code, detail, message: '', retryAfterMs: 0 });

describe('an image whose id is known', () => {
  it('is loaded under it, and not hashed again', async () => {
    const { session: of, begun } = session(refused(Code.UNIMPLEMENTED), Feature.UNSPECIFIED);
    const id = 'ab'.repeat(32);
    expect(await load(of, id)).toMatchObject({ programId: id, skipped: true });
    expect(begun.map(({ programId }) => Buffer.from(programId).toString('hex'))).toEqual([id]);
  });

  it('is refused under what is no id', async () => {
    const { session: of, begun } = session(refused(Code.UNIMPLEMENTED));
    await expect(load(of, 'ab')).rejects.toThrow('not an image id');
    expect(begun).toEqual([]);
  });
});

describe('a patch that is refused', () => {
  it.each<[string, () => Error]>([
    ['the base went in between', refused(Code.NOT_FOUND, Detail.NO_BASE)],
    ['the base is in the bank', refused(Code.FAILED_PRECONDITION, Detail.NO_BASE)],
    ['it is no patch', refused(Code.INVALID_ARGUMENT, Detail.BAD_PATCH)],
    ['the result is another image', refused(Code.DATA_LOSS, Detail.HASH_MISMATCH)],
    ['there is no room for it', refused(Code.RESOURCE_EXHAUSTED)],
    ['the firmware does not know it after all', refused(Code.UNIMPLEMENTED)],
  ])('because %s: the image follows', async (_, answer) => {
    const { session: of, begun, counters } = session(answer);
    expect(await load(of)).toMatchObject({ patched: false, skipped: true });
    expect(begun.map(({ baseProgramId, totalBytes }) => [baseProgramId.length, totalBytes])).toEqual([
      [32, 13],
      [0, 600],
    ]);
    expect(counters).toMatchObject({ patches: 0, patchFallbacks: 1 });
  });

  it.each<[string, () => Error]>([
    ['the image is none', refused(Code.INVALID_ARGUMENT, Detail.BAD_LAYOUT)],
    ['the bank is in use', refused(Code.FAILED_PRECONDITION, Detail.BANK_BUSY)],
    ['the link is lost', () => new LinkError('link-lost', 'gone')],
    ['nobody answers', () => new LinkError('link-timeout', 'silence')],
  ])('because %s: so is the load', async (_, answer) => {
    const { session: of, begun } = session(answer);
    await expect(load(of)).rejects.toThrow(answer().message);
    expect(begun).toHaveLength(1);
  });

  it('is never tried on a device without the feature', async () => {
    const { session: of, begun, counters } = session(refused(Code.UNIMPLEMENTED), Feature.UNSPECIFIED);
    await load(of);
    expect(begun).toHaveLength(1);
    expect(counters.patchFallbacks).toBe(0);
  });
});
