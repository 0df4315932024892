// Brings an image into the device with as little on the wire as it can: nothing when the device has it, a patch when it
// has something close, else the image.
import { createHash } from 'node:crypto';
import { inSlices } from '../../clock/slices.ts';
import { Detail, Feature } from '../messages/index.ts';
import { LinkError } from '../session/link-error.ts';
import type { Session } from '../session/session.ts';
import type { ImageCache } from './image-cache.ts';
import { uploadImage } from './image-upload.ts';
import { imageIdBytes } from './run-request.ts';
import {
  chooseLoad,
  forecastLoad,
  type ChoiceFacts,
  type LoadChoice,
  type LoadForecast,
} from './load-choice.ts';
import type { LoadOptions, LoadOutcome } from './types.ts';

/** What a device may say against a patch that it would say against the image as well. */
const FAULTS_OF_THE_IMAGE: readonly number[] = [Detail.BAD_LAYOUT, Detail.TOO_LARGE, Detail.BANK_BUSY];
/** Patches are made for so long before others get their turn. */
const CHOICE_SLICE_MS = 4;
const NO_BASE = new Uint8Array(0);

/** Loads `image` and resolves once the device has verified it; `images` learns it. Rejects with LinkError. */
export async function loadImage(
  session: Session,
  image: Uint8Array,
  options: LoadOptions,
  images: ImageCache,
): Promise<LoadOutcome> {
  const started_ms = session.clock.now_ms();
  const id =
    options.id === undefined ? createHash('sha256').update(image).digest() : imageIdBytes(options.id);
  const programId = Buffer.from(id).toString('hex');
  let sentBytes = 0;
  const onSent = (bytes: number): void => {
    sentBytes += bytes;
  };
  throwIfAborted(options.signal);
  const { bank, patch } = await choose(session, id, image, options, images);
  let patched = false;
  let skipped = false;
  if (patch !== undefined) {
    const order = { id, bank, data: patch.stream, baseId: patch.baseId };
    try {
      ({ skipped } = await uploadImage(session, order, options, onSent));
      patched = !skipped;
    } catch (error) {
      if (!isAgainstPatch(error)) throw error;
      session.counters.patchFallbacks += 1;
    }
  }
  if (!patched && !skipped) {
    ({ skipped } = await uploadImage(session, { id, bank, data: image, baseId: NO_BASE }, options, onSent));
  }
  if (patched) session.counters.patches += 1;
  if (options.kind === 'program') images.put(programId, image);
  return { programId, sentBytes, skipped, patched, duration_ms: session.clock.now_ms() - started_ms };
}

/** A field is one chunk or two, and the state of its slots is not told: it is sent as it is. */
async function choose(
  session: Session,
  id: Uint8Array,
  image: Uint8Array,
  options: LoadOptions,
  images: ImageCache,
): Promise<LoadChoice> {
  const { bank, kind, patch = true } = options;
  if (kind === 'field') return { bank: bank ?? 0 };
  const canPatch = patch && (session.hello.features & Feature.PATCH) !== 0;
  if (bank !== undefined && !canPatch) return { bank };
  const facts = await factsOf(session, id, image, canPatch ? images : null);
  return inSlices(chooseLoad({ ...facts, bank }), session.clock, CHOICE_SLICE_MS);
}

/** What loadImage would send of a program now; asks the device what it holds. Rejects with LinkError. */
export async function forecastImageLoad(
  session: Session,
  image: Uint8Array,
  id: Uint8Array,
  images: ImageCache,
): Promise<LoadForecast> {
  const canPatch = (session.hello.features & Feature.PATCH) !== 0;
  const facts = await factsOf(session, id, image, canPatch ? images : null);
  return inSlices(forecastLoad(facts), session.clock, CHOICE_SLICE_MS);
}

/** @param images null: no patch is wanted */
async function factsOf(
  session: Session,
  id: Uint8Array,
  image: Uint8Array,
  images: ImageCache | null,
): Promise<ChoiceFacts> {
  const status = await session.request('GetStatus', { type: 'getStatus', value: {} }, 'deviceStatus');
  return { id, image, banks: status.bank, imageOf: (of) => images?.get(of) };
}

/** The device is there and takes no such patch, whatever its reason: the image itself is the answer. */
function isAgainstPatch(error: unknown): error is LinkError {
  if (!(error instanceof LinkError)) return false;
  const isSaid = error.deviceCode !== undefined || error.code === 'data-loss';
  return isSaid && !FAULTS_OF_THE_IMAGE.includes(error.detail ?? Detail.UNSPECIFIED);
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new LinkError('cancelled', 'the load was cancelled', { cause: signal.reason });
}
