// The life of a bank, step by step, and every step that it refuses.
import { describe, expect, it } from 'vitest';
import { stepBank } from './bank-machine.ts';
import type { BankInput, BankState, ImageOrder } from './bank-machine.ts';

const order: ImageOrder = { id: 'aa', baseId: '', totalBytes: 100, imageBytes: 100, chunkBytes: 12 };
const other: ImageOrder = { ...order, id: 'bb' };
const EMPTY: BankState = { kind: 'empty' };
const LOADING: BankState = { kind: 'loading', order, mismatches: 0 };
const STAGED: BankState = { kind: 'staged', order };
const ACTIVE: BankState = { kind: 'active', order };

const moves: [string, BankState, BankInput, BankState, string[]][] = [
  ['an empty bank begins', EMPTY, { type: 'begin', order }, LOADING, ['start-map']],
  ['the same order resumes', LOADING, { type: 'begin', order }, LOADING, []],
  [
    'another size begins anew',
    LOADING,
    { type: 'begin', order: { ...order, chunkBytes: 24 } },
    { kind: 'loading', order: { ...order, chunkBytes: 24 }, mismatches: 0 },
    ['start-map'],
  ],
  [
    'another image replaces a half one',
    LOADING,
    { type: 'begin', order: other },
    { kind: 'loading', order: other, mismatches: 0 },
    ['start-map'],
  ],
  ['a whole image needs nothing', STAGED, { type: 'begin', order }, STAGED, []],
  ['nor does the active one', ACTIVE, { type: 'begin', order }, ACTIVE, []],
  [
    'another image replaces a staged one',
    STAGED,
    { type: 'begin', order: other },
    { kind: 'loading', order: other, mismatches: 0 },
    ['start-map'],
  ],
  ['a right hash stages', LOADING, { type: 'verified' }, STAGED, []],
  [
    'a wrong hash is repaired once',
    LOADING,
    { type: 'mismatched' },
    { ...LOADING, mismatches: 1 },
    ['clear-bad-pages'],
  ],
  [
    'a second wrong hash gives up',
    { ...LOADING, mismatches: 1 },
    { type: 'mismatched' },
    EMPTY,
    ['report-memory-fault'],
  ],
  ['no image is dropped', LOADING, { type: 'invalid' }, EMPTY, []],
  ['abort empties', LOADING, { type: 'abort' }, EMPTY, []],
  ['abort leaves a whole image', STAGED, { type: 'abort' }, STAGED, []],
  ['abort of nothing is fine', EMPTY, { type: 'abort' }, EMPTY, []],
  ['activate', STAGED, { type: 'activate' }, ACTIVE, []],
  ['activate again', ACTIVE, { type: 'activate' }, ACTIVE, []],
  ['retire', ACTIVE, { type: 'retire' }, STAGED, []],
  ['retire what is not active', LOADING, { type: 'retire' }, LOADING, []],
];
const refusals: [string, BankState, BankInput, string][] = [
  ['loading into the active bank', ACTIVE, { type: 'begin', order: other }, 'bank-active'],
  ['activating half an image', LOADING, { type: 'activate' }, 'not-staged'],
  ['activating nothing', EMPTY, { type: 'activate' }, 'not-staged'],
  ['verifying nothing', EMPTY, { type: 'verified' }, 'not-loading'],
  ['a mismatch of a staged image', STAGED, { type: 'mismatched' }, 'not-loading'],
  ['an invalid staged image', STAGED, { type: 'invalid' }, 'not-loading'],
];

describe('stepBank', () => {
  it.each(moves)('%s', (_, state, input, next, actions) => {
    expect(stepBank(state, input)).toEqual({ ok: true, state: next, actions });
  });
  it.each(refusals)('refuses %s', (_, state, input, reason) => {
    expect(stepBank(state, input)).toEqual({ ok: false, reason });
  });
});
