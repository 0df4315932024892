// A million damaged frames in every run of the tests; and the fuzz program notices a decoder that lets damage pass.
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { DecodeResult, StreamDecoderOptions } from '../../src/link/frame/index.ts';
import { cobsDecode } from '../../src/link/frame/cobs.ts';
import { crc32c } from '../../src/link/frame/crc32c.ts';
import { checkFrame } from '../../src/link/frame/frame.ts';
import { FAMILIES, stuff, Scratch } from './damage.ts';
import { Draw } from './draw.ts';
import { FrameFuzz } from './frame-fuzz.ts';
import { fuzzFrames } from './pool.ts';
import { judge, report } from './verdict.ts';

const FRAMES = 1_000_000;
const SEED = 7;

describe('damaged frames', () => {
  it('a million: nothing is delivered that nobody sent, and the frame behind the damage arrives', () => {
    const count = new FrameFuzz(SEED).run(0, FRAMES);
    process.stdout.write(`seed ${SEED}\n${report(count)}\n`);
    expect(judge(count)).toEqual({
      frames: FRAMES,
      guaranteed: 0,
      others: 0,
      othersAllowed: 1,
      wedged: 0,
      holds: true,
    });
  });

  it('are the same cases alone, in a run, and on two threads', async () => {
    const careless = (): FrameFuzz => new FrameFuzz(3, carelessDecoder);
    const { undetected } = careless().run(0, 20_000);
    expect(undetected.length).toBeGreaterThan(0);
    const { index } = undetected[Math.floor(undetected.length / 2)];
    expect(careless().play(index).isDetected).toBe(false);
    expect(careless().run(index, 1).undetected).toEqual([
      { seed: 3, index, family: undetected.find((u) => u.index === index)?.family },
    ]);

    const frames = 150_000; // more than one range
    const threads = await fuzzFrames({ seed: 3, frames, workers: 2 });
    expect(threads).toEqual(new FrameFuzz(3).run(0, frames));
  });

  it('are noticed, whatever the family, when a decoder does not look', () => {
    const { undetected } = new FrameFuzz(5, carelessDecoder).run(0, 100_000);
    const noticed = new Set(undetected.map(({ family }) => family));
    for (const { name } of FAMILIES) expect(noticed, name).toContain(name);
    expect(judge({ ...new FrameFuzz(5).run(0, 1), undetected }).holds).toBe(false);
  });

  it('are noticed when they hold up the frame behind them', () => {
    const { wedged } = new FrameFuzz(5, (options) => {
      const whole = carelessDecoder(options);
      let isStuck = false;
      return {
        push(bytes) {
          isStuck ||= bytes.length > 1 && bytes[0] > 200;
          if (!isStuck) whole.push(bytes);
        },
      };
    }).run(0, 2_000);
    expect(wedged.length).toBeGreaterThan(100);
  });
});

describe('npm run fuzz', () => {
  const fuzz = (...words: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, ['test/fuzz/main.ts', ...words], { encoding: 'utf8' });

  it('prints the verdict as JSON and one case with its bytes', () => {
    const run = fuzz('link', '--frames', '2e4', '--seed', '9', '--workers', '1', '--json');
    expect(run.status).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({
      frames: 20_000,
      seed: 9,
      guaranteed: 0,
      wedged: 0,
      holds: true,
    });
    const one = fuzz('link', '--only', '9/4');
    expect(one.status).toBe(0);
    expect(one.stdout).toMatch(/^family {5}wire-flips\nintact {5}[0-9a-f]+00\ndamaged {4}[0-9a-f]+\n/);
  });

  it('plays random messages against both ends', () => {
    const run = fuzz('messages', '--episodes', '3', '--seed', '4');
    expect(run.stdout).toBe('seed 4: 3 episodes against each end, 0 failed\n');
    expect(run.status).toBe(0);
  });

  it('explains itself with examples, and exits 2 on wrong use', () => {
    expect(fuzz('link', '--help').stdout).toContain('--frames 1e9 --seed 7');
    for (const words of [['link', '--frames', '1.5'], ['link', '--only', '7'], ['no-such']]) {
      expect(fuzz(...words).status, words.join(' ')).toBe(2);
    }
  });
});

describe('the damage itself', () => {
  it('flips exactly so many different bits, and bursts within 32 bits', () => {
    const raw = Uint8Array.from({ length: 60 }, (_, k) => 1 + k); // no zero: COBS is transparent
    const out = new Scratch(4096);
    const draw = new Draw(1, 1);
    for (let round = 0; round < 500; round += 1) {
      const [few, five, odd, burst] = FAMILIES.slice(0, 4).map(({ damage }) => {
        damage(out, { raw, wire: raw }, { raw, wire: raw }, draw);
        const frame = new Uint8Array(out.length);
        cobsDecode(out.bytes, 0, out.length - 1, frame);
        return flipped(raw, frame);
      });
      expect(few.length).toBeLessThanOrEqual(3);
      expect([4, 5]).toContain(five.length);
      expect(odd.length % 2).toBe(1);
      expect((burst.at(-1) ?? 0) - burst[0]).toBeLessThan(32);
    }
  });

  it('stuffs as the textbook does at the boundaries of blocks', () => {
    const out = new Scratch(1024);
    const stuffed = (frame: number[]): number[] => {
      stuff(Uint8Array.from(frame), out);
      return [...out.bytes.subarray(0, out.length)];
    };
    const ones = (n: number): number[] => Array.from({ length: n }, () => 1);
    expect(stuffed([])).toEqual([1, 0]);
    expect(stuffed([0, 0])).toEqual([1, 1, 1, 0]);
    expect(stuffed(ones(254))).toEqual([255, ...ones(254), 0]);
    expect(stuffed(ones(255))).toEqual([255, ...ones(254), 2, 1, 0]);
    expect(stuffed([...ones(254), 0])).toEqual([255, ...ones(254), 1, 1, 0]);
  });
});

/** Places of the bits that differ, in the order of the wire. */
function flipped(a: Uint8Array, b: Uint8Array): number[] {
  return Array.from({ length: a.length * 8 }, (_, bit) => bit).filter(
    (bit) => ((a[bit >> 3] ^ b[bit >> 3]) & (1 << (bit & 7))) !== 0,
  );
}

/** Believes everything: length field and CRC are computed anew instead of compared. */
function carelessDecoder(options: StreamDecoderOptions): {
  push(bytes: Uint8Array): void;
} {
  let pending: number[] = [];
  const judgeFrame = (stuffed: Uint8Array): DecodeResult => {
    const raw = new Uint8Array(stuffed.length);
    const length = cobsDecode(stuffed, 0, stuffed.length, raw);
    if (length < 12) return { kind: 'corrupt', reason: 'cobs' };
    new DataView(raw.buffer).setUint16(6, length - 12, true);
    new DataView(raw.buffer).setUint32(length - 4, crc32c(raw.subarray(0, length - 4)), true);
    return checkFrame(raw, length, options);
  };
  return {
    push(bytes) {
      for (const byte of bytes) {
        if (byte !== 0) pending.push(byte);
        else if (pending.length > 0) {
          options.onResult(judgeFrame(Uint8Array.from(pending)));
          pending = [];
        }
      }
    },
  };
}
