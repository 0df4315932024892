// The life of one image bank (link-protocol sections 6 and 10) as a pure function: EMPTY -> LOADING -> STAGED -> ACTIVE.
// VERIFYING does not outlast a request here: the twin hashes 1.3 MB within a few milliseconds.

/** Which image is to be loaded, and how it is cut into chunks. */
export interface ImageOrder {
  /** SHA-256 of the whole image, hexadecimal. */
  id: string;
  /** Of the image that a patch is made against; empty: the image itself is sent. */
  baseId: string;
  /** What CHUNK frames bring in all: the image, or the stream of a patch. */
  totalBytes: number;
  imageBytes: number;
  chunkBytes: number;
}

export type BankState =
  | { kind: 'empty' }
  | { kind: 'loading'; order: ImageOrder; mismatches: number }
  | { kind: 'staged' | 'active'; order: ImageOrder };

export type BankInput =
  | { type: 'begin'; order: ImageOrder }
  /** Verdict of FinishLoad: hash and image are good; bytes are to be sent again; nothing that was sent can be used. */
  | { type: 'verified' }
  | { type: 'mismatched' }
  | { type: 'invalid' }
  | { type: 'abort' }
  | { type: 'activate' }
  /** Another bank became the active one. */
  | { type: 'retire' };

export type BankAction = 'start-map' | 'clear-bad-pages' | 'report-memory-fault';
export type BankRefusal = 'bank-active' | 'not-loading' | 'not-staged';
export type BankStep =
  { ok: true; state: BankState; actions: readonly BankAction[] } | { ok: false; reason: BankRefusal };

const EMPTY: BankState = { kind: 'empty' };
const to = (state: BankState, ...actions: BankAction[]): BankStep => ({ ok: true, state, actions });
const no = (reason: BankRefusal): BankStep => ({ ok: false, reason });

/** One step of a bank. */
export function stepBank(state: BankState, input: BankInput): BankStep {
  switch (input.type) {
    case 'begin':
      return begin(state, input.order);
    case 'verified':
      return state.kind === 'loading' ? to({ kind: 'staged', order: state.order }) : no('not-loading');
    case 'mismatched':
      return mismatched(state);
    case 'invalid':
      return state.kind === 'loading' ? to(EMPTY) : no('not-loading');
    case 'abort':
      // A whole image stays: there is nothing to abort any more.
      return state.kind === 'loading' ? to(EMPTY) : to(state);
    case 'activate':
      if (state.kind === 'active') return to(state);
      return state.kind === 'staged' ? to({ kind: 'active', order: state.order }) : no('not-staged');
    case 'retire':
      return state.kind === 'active' ? to({ kind: 'staged', order: state.order }) : to(state);
  }
}

function begin(state: BankState, order: ImageOrder): BankStep {
  if (state.kind === 'staged' || state.kind === 'active') {
    if (state.order.id === order.id) return to(state);
    if (state.kind === 'active') return no('bank-active');
  }
  if (state.kind === 'loading' && sameOrder(state.order, order)) return to(state);
  return to({ kind: 'loading', order, mismatches: 0 }, 'start-map');
}

/** The first mismatch is repaired by another transfer of the bad pages; the second one gives the bank up. */
function mismatched(state: BankState): BankStep {
  if (state.kind !== 'loading') return no('not-loading');
  if (state.mismatches > 0) return to(EMPTY, 'report-memory-fault');
  return to({ ...state, mismatches: state.mismatches + 1 }, 'clear-bad-pages');
}

function sameOrder(a: ImageOrder, b: ImageOrder): boolean {
  const sameSizes = a.totalBytes === b.totalBytes && a.chunkBytes === b.chunkBytes;
  return a.id === b.id && a.baseId === b.baseId && sameSizes;
}
