// Which bank an image goes to, and when a patch is worth it.
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../clock/slices.ts';
import { ImageKind, LoadState, type Bank } from '../messages/index.ts';
import { chooseLoad, forecastLoad, type ChoiceFacts, type LoadForecast } from './load-choice.ts';

const { EMPTY, LOADING, STAGED, ACTIVE } = LoadState;
const A = new Uint8Array(1_000).fill(1);
const B = A.slice().fill(2, 0, 100);
const target = A.slice().fill(3, 500, 510);
const images: Record<string, Uint8Array> = { aa: A, bb: B };
const idOf = (name: string): Uint8Array => Uint8Array.from(Buffer.from(name, 'hex'));

function bank(index: number, state: LoadState, name = '', more: Partial<Bank> = {}): Bank {
  return {
    index,
    state,
    programId: idOf(name),
    receivedBytes: 0,
    kind: ImageKind.PROGRAM,
    patch: false,
    ...more,
  };
}

function choose(banks: Bank[], facts: Partial<ChoiceFacts> = {}) {
  const imageOf = (id: string): Uint8Array | undefined => images[id];
  const choice = atOnce(chooseLoad({ id: idOf('cc'), image: target, banks, imageOf, ...facts }));
  const { bank: at, patch } = choice;
  return patch === undefined ? [at] : [at, Buffer.from(patch.baseId).toString('hex'), patch.stream.length];
}

describe('chooseLoad', () => {
  it.each<[string, Bank[], (number | string)[]]>([
    [
      'the bank beside the active one, patched from that',
      [bank(0, ACTIVE, 'aa'), bank(1, EMPTY)],
      [1, 'aa', 13],
    ],
    ['over what is staged', [bank(0, STAGED, 'bb'), bank(1, ACTIVE, 'aa')], [0, 'aa', 13]],
    ['over what is loading', [bank(0, LOADING, 'dd'), bank(1, STAGED, 'aa')], [0, 'aa', 13]],
    ['the staged one that helps less', [bank(0, STAGED, 'aa'), bank(1, STAGED, 'bb')], [1, 'aa', 13]],
    ['no patch against what this host does not know', [bank(0, ACTIVE, 'dd'), bank(1, EMPTY)], [1]],
    ['no patch against what is only half there', [bank(0, EMPTY), bank(1, LOADING, 'aa')], [0]],
    ['nothing when it is there', [bank(0, ACTIVE, 'aa'), bank(1, STAGED, 'cc')], [1]],
    ['the one bank there is, although it is active', [bank(0, ACTIVE, 'aa')], [0]],
    ['bank 0 when the device tells of none', [], [0]],
  ])('takes %s', (_, banks, expected) => {
    expect(choose(banks)).toEqual(expected);
  });

  it('keeps to the bank of the caller, and to images when patches are not wanted', () => {
    const banks = [bank(0, EMPTY), bank(1, ACTIVE, 'aa')];
    expect(choose(banks, { bank: 0 })).toEqual([0, 'aa', 13]);
    expect(choose(banks, { bank: 1 })).toEqual([1]);
    expect(choose(banks, { imageOf: () => undefined })).toEqual([0]);
  });

  it('goes on with what is half there, whichever way costs less', () => {
    const half = (receivedBytes: number, patch: boolean) => [
      bank(0, ACTIVE, 'aa'),
      bank(1, LOADING, 'cc', { receivedBytes, patch }),
    ];
    expect(choose(half(900, false))).toEqual([1, 'aa', 13]);
    expect(choose(half(990, false))).toEqual([1]); // ten bytes are left of the image
    expect(choose(half(12, true))).toEqual([1, 'aa', 13]);
  });

  it('sends the image when the patch saves less than a quarter', () => {
    const banks = [bank(0, ACTIVE, 'aa'), bank(1, EMPTY)];
    const changed = (bytes: number) => choose(banks, { image: A.slice().fill(9, 0, bytes) });
    expect(changed(747)).toEqual([1, 'aa', 750]); // head 1, length 2
    expect(changed(748)).toEqual([1]);
  });
});

describe('forecastLoad', () => {
  const imageOf = (id: string): Uint8Array | undefined => images[id];
  it.each<[string, Bank[], LoadForecast]>([
    ['a patch', [bank(0, ACTIVE, 'aa'), bank(1, EMPTY)], { sends: 'patch', bytes: 13 }],
    ['an image', [bank(0, ACTIVE, 'dd'), bank(1, EMPTY)], { sends: 'image', bytes: 1_000 }],
    ['nothing that is there', [bank(0, ACTIVE, 'aa'), bank(1, STAGED, 'cc')], { sends: 'nothing', bytes: 0 }],
    [
      'the rest of an image',
      [bank(0, ACTIVE, 'aa'), bank(1, LOADING, 'cc', { receivedBytes: 990 })],
      { sends: 'image', bytes: 10 },
    ],
    [
      'the rest of a patch',
      [bank(0, ACTIVE, 'aa'), bank(1, LOADING, 'cc', { receivedBytes: 12, patch: true })],
      { sends: 'patch', bytes: 1 },
    ],
    [
      'a patch instead of the rest of an image',
      [bank(0, ACTIVE, 'aa'), bank(1, LOADING, 'cc', { receivedBytes: 900 })],
      { sends: 'patch', bytes: 13 },
    ],
    ['an image to a device that tells of no banks', [], { sends: 'image', bytes: 1_000 }],
  ])('tells of %s', (_, banks, expected) => {
    expect(atOnce(forecastLoad({ id: idOf('cc'), image: target, banks, imageOf }))).toEqual(expected);
  });
});
