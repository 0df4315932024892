// The images that patches can be made against: bounded, and apart from what the caller does with his.
import { describe, expect, it } from 'vitest';
import { CACHED_IMAGES_MAX, ImageCache } from './image-cache.ts';

describe('ImageCache', () => {
  it('keeps copies', () => {
    const cache = new ImageCache();
    const image = Uint8Array.of(1, 2);
    cache.put('a', image);
    image[0] = 9;
    expect(cache.get('a')).toEqual(Uint8Array.of(1, 2));
    expect(cache.get('b')).toBeUndefined();
  });

  it('lets go of what was used longest ago, by number and by bytes', () => {
    const cache = new ImageCache(100);
    for (const id of ['a', 'b', 'c']) cache.put(id, new Uint8Array(30));
    cache.get('a');
    cache.put('c', new Uint8Array(30));
    cache.put('d', new Uint8Array(30));
    expect(['a', 'b', 'c', 'd'].map((id) => cache.get(id) !== undefined)).toEqual([true, false, true, true]);
    expect(cache.size_bytes).toBe(90);
    cache.put('huge', new Uint8Array(101));
    expect(cache.size_bytes).toBe(90);
    const many = new ImageCache();
    for (let k = 0; k < CACHED_IMAGES_MAX + 3; k += 1) many.put(`${k}`, new Uint8Array(1));
    expect(many.size_bytes).toBe(CACHED_IMAGES_MAX);
    expect(many.get('2')).toBeUndefined();
  });
});
