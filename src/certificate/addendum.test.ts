// Addenda of certificates: sides of an interval, and that nothing but what was signed is believed.
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { driftSide, signAddendum, verifyAddendum, type AddendumFacts } from './addendum.ts';

const keys = generateKeyPairSync('ed25519');
const signer = { keyId: 'k1', sign: (bytes: Uint8Array) => sign(null, bytes, keys.privateKey) };
const known = new Map([['k1', keys.publicKey]]);
const at = '2026-11-25T02:00:00.000Z';

const facts: AddendumFacts = {
  job: { id: 'J', startedAt: at, finishedAt: at, samplesDigest: 'sha256:00' },
  drift: {
    event: 'E',
    device: 'chip-0',
    deviceUid: 'ab',
    quantity: 'coupling',
    element: '3-7',
    value_ratio: 0.05,
    stderr_ratio: 0.006,
    z: 8.3,
    lastGood: at,
    alarm: at,
  },
  ranges: [{ from: 0, to: 10, side: 'uncertain' }],
  issued: { at, serviceVersion: '1' },
};

describe('addendum', () => {
  it('says before, uncertain or after, and uncertain where it touches the interval', () => {
    const event = { lastGood_ms: 100, alarm_ms: 200 };
    const sides = [
      [0, 100],
      [50, 101],
      [100, 200],
      [199, 300],
      [200, 300],
    ].map(([from_ms, to_ms]) => driftSide({ from_ms, to_ms }, event));
    expect(sides).toEqual(['before', 'uncertain', 'uncertain', 'uncertain', 'after']);
  });

  it('is believed as it was signed, and not otherwise', () => {
    const text = signAddendum(facts, signer);
    expect(verifyAddendum(text, known)).toMatchObject(facts);
    expect(() => verifyAddendum(text.replace('uncertain', 'before'), known)).toThrow('signature');
    expect(() => verifyAddendum(text, new Map())).toThrow('k1');
    expect(() => verifyAddendum(text.slice(0, 40), known)).toThrow('JSON');
    expect(() => verifyAddendum(text.replace('"job"', '"jobs"'), known)).toThrow('/job');
    expect(() => verifyAddendum(text.replace('{', '{ '), known)).toThrow('canonical');
  });
});
