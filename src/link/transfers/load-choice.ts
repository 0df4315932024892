// Where an image goes and how: the bank whose loss costs least, and the image itself or a patch against what another bank
// holds, whichever is less to send. Pure.
import { LoadState, type Bank } from '../messages/index.ts';
import { patchSteps } from './patch.ts';

/** A patch that is refused costs the whole image on top, so it must save a fair part. */
export const PATCH_WORTH_RATIO = 0.75;

export interface LoadChoice {
  bank: number;
  /** Absent: the image itself is sent. */
  patch?: { baseId: Uint8Array; stream: Uint8Array };
}

export interface ChoiceFacts {
  id: Uint8Array;
  image: Uint8Array;
  /** The program banks, from GetStatus. */
  banks: readonly Bank[];
  /** The caller's own choice of a bank. */
  bank?: number;
  /** Bytes of an image that the device may hold, by hexadecimal id; always undefined when patches are not wanted. */
  imageOf: (id: string) => Uint8Array | undefined;
}

/** The bank, and the patch if there is one that is worth it; pauses often. */
export function* chooseLoad(facts: ChoiceFacts): Generator<undefined, LoadChoice> {
  const targets = targetsOf(facts);
  const fallback: LoadChoice = { bank: facts.bank ?? targets.at(0)?.index ?? 0 };
  let best = fallback;
  for (const target of targets) {
    if (holds(target, facts.id) && isWhole(target)) return { bank: target.index };
    for (const base of facts.banks) {
      if (base.index === target.index || !isWhole(base)) continue;
      const stream = yield* patchFor(facts, base, target);
      if (stream === null || stream.length >= (best.patch?.stream.length ?? Infinity)) continue;
      best = { bank: target.index, patch: { baseId: base.programId, stream } };
    }
  }
  return best;
}

/** What a load would send as things are. */
export interface LoadForecast {
  sends: 'nothing' | 'patch' | 'image';
  /** Of image or patch, without what has arrived already, and without the framing. */
  bytes: number;
}

/** The same choice, and what is still to be sent for it; pauses often. */
export function* forecastLoad(facts: ChoiceFacts): Generator<undefined, LoadForecast> {
  const { bank, patch } = yield* chooseLoad(facts);
  const target = facts.banks.find((each) => each.index === bank && holds(each, facts.id));
  if (target !== undefined && isWhole(target)) return { sends: 'nothing', bytes: 0 };
  const arrived_bytes =
    target !== undefined && target.patch === (patch !== undefined) ? target.receivedBytes : 0;
  const { length } = patch?.stream ?? facts.image;
  return { sends: patch === undefined ? 'image' : 'patch', bytes: Math.max(0, length - arrived_bytes) };
}

/** The banks that cost least to overwrite, ascending; the one that holds the image or a part of it costs nothing. */
function targetsOf({ banks, bank, id }: ChoiceFacts): Bank[] {
  if (bank !== undefined) return banks.filter(({ index }) => index === bank);
  const cost = (candidate: Bank): number => {
    if (holds(candidate, id)) return 0;
    if (candidate.state === LoadState.EMPTY || candidate.state === LoadState.UNSPECIFIED) return 1;
    if (candidate.state === LoadState.ACTIVE) return 4;
    return candidate.state === LoadState.STAGED ? 3 : 2;
  };
  const least = Math.min(...banks.map(cost));
  return banks.filter((candidate) => cost(candidate) === least).sort((a, b) => a.index - b.index);
}

/** Null when the image, or what is missing of it, is less to send. */
function* patchFor(
  { id, image, imageOf }: ChoiceFacts,
  base: Bank,
  target: Bank,
): Generator<undefined, Uint8Array | null> {
  const bytes = imageOf(Buffer.from(base.programId).toString('hex'));
  if (bytes === undefined) return null;
  const arrived_bytes = holds(target, id) ? target.receivedBytes : 0;
  const imageRest_bytes = image.length - (target.patch ? 0 : arrived_bytes);
  const patchArrived_bytes = target.patch ? arrived_bytes : 0;
  return yield* patchSteps(bytes, image, PATCH_WORTH_RATIO * imageRest_bytes + patchArrived_bytes);
}

const holds = (bank: Bank, id: Uint8Array): boolean => Buffer.compare(bank.programId, id) === 0;
const isWhole = ({ state }: Bank): boolean => state === LoadState.STAGED || state === LoadState.ACTIVE;
