import { describe, expect, it } from 'vitest';
import { createUlidSource, isUlid } from './ulid.ts';

const zeros = (count: number): Uint8Array => new Uint8Array(count);
const ones = (count: number): Uint8Array => new Uint8Array(count).fill(255);

describe('ULIDs', () => {
  it('carry the time of the specification', () => {
    // The example of the specification: 1469918176385 ms is 01ARYZ6S41.
    const next = createUlidSource({ wall_ms: () => 1469918176385, random: zeros });
    expect(next()).toBe('01ARYZ6S410000000000000000');
    expect(next()).toBe('01ARYZ6S410000000000000001');
  });

  it('rise within a millisecond, over its end, and when the clock steps back', () => {
    let now_ms = 1000;
    const next = createUlidSource({ wall_ms: () => now_ms, random: ones });
    const ids = [next(), next()];
    now_ms = 1;
    ids.push(next());
    now_ms = 5000;
    ids.push(next());
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every(isUlid)).toBe(true);
  });

  it('go on after a given one', () => {
    const after = '7ZZZZZZZZZ0000000000000000';
    const next = createUlidSource({ wall_ms: () => 1, random: zeros, after });
    expect(next()).toBe('7ZZZZZZZZZ0000000000000001');
  });

  it('are upper case, 26 long and below 2^128', () => {
    expect(isUlid('01ARYZ6S410000000000000000')).toBe(true);
    expect(isUlid('01aryz6s410000000000000000')).toBe(false);
    expect(isUlid('81ARYZ6S410000000000000000')).toBe(false);
    expect(isUlid('01ARYZ6S41000000000000000')).toBe(false);
    expect(isUlid('01ARYZ6S41000000000000000U')).toBe(false);
  });
});
