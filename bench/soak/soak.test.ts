// What the soak rests on: that its line does what it is told and nothing else, that its memory trend sees a leak, and that
// its workload survives every kind of trouble for a few seconds.
import { describe, expect, it } from 'vitest';
import { createMemoryPair, type Port } from '../../src/transports/index.ts';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { trend } from './memory.ts';
import { TroubledPort } from './troubled-port.ts';
import { TROUBLES, trouble } from './troubles.ts';
import type { HelperProcess } from '../link/processes.ts';

async function line(): Promise<{
  clock: VirtualClock;
  port: TroubledPort;
  far: Port;
  there: number[];
  here: number[];
  closes: string[];
}> {
  const clock = new VirtualClock();
  const [near, far] = createMemoryPair({ clock, seed: 1, maxPieceBytes: 1000 });
  const port = new TroubledPort(near, clock, seededUniform(1));
  const there: number[] = [];
  const here: number[] = [];
  const closes: string[] = [];
  far.onData((bytes) => there.push(...bytes));
  port.onData((bytes) => here.push(...bytes));
  port.onClosed(({ code }) => closes.push(code));
  await far.open(new AbortController().signal);
  await port.open(new AbortController().signal);
  return { clock, port, far, there, here, closes };
}

const bytes = Uint8Array.from({ length: 100 }, (_, k) => k);

describe('a troubled line', () => {
  it('is clean between troubles, and damages one piece when told', async () => {
    const { clock, port, far, there, here } = await line();
    port.write(bytes);
    port.damage('out', 'drop', 3);
    port.write(bytes);
    port.write(bytes);
    port.damage('in', 'flip', 1);
    far.write(bytes);
    await clock.pass(100);
    expect(there).toHaveLength(297);
    expect(there.slice(0, 100)).toEqual([...bytes]);
    expect(there.slice(-100)).toEqual([...bytes]);
    expect(here.filter((value, k) => value !== bytes[k])).toHaveLength(1);
  });

  it('lets one write be overtaken, and loses none', async () => {
    const { clock, port, there } = await line();
    port.reorder('out');
    port.write(Uint8Array.of(1));
    port.write(Uint8Array.of(2));
    port.reorder('out');
    port.write(Uint8Array.of(3)); // nothing follows
    await clock.pass(100);
    expect(there).toEqual([2, 1, 3]);
  });

  it('holds everything back for a silence, in order, and tells a pulled cable once', async () => {
    const { clock, port, there, closes } = await line();
    port.silence('out', 500);
    port.write(Uint8Array.of(1));
    port.write(Uint8Array.of(2));
    await clock.pass(400);
    expect(there).toEqual([]);
    await clock.pass(200);
    expect(there).toEqual([1, 2]);
    port.cut();
    await port.close();
    expect(closes).toEqual(['disconnected']);
    expect(port.write(bytes)).toBe(false);
  });
});

describe('troubles', () => {
  it('are drawn from all kinds, alike for the same seed', () => {
    const device = {
      ask: () => Promise.resolve(),
      freeze: () => undefined,
    } as unknown as HelperProcess<unknown>;
    const draw = (seed: number): string[] => {
      const uniform = seededUniform(seed);
      return Array.from({ length: 200 }, () => trouble({ port: null, old: [], device }, uniform));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(new Set(draw(1)).size).toBe(TROUBLES.length);
  });
});

describe('the trend of memory', () => {
  it('sees a leak after the warm-up, and not what the warm-up took', () => {
    const sample = (at_s: number, heap_MB: number) => ({ at_s, heap_bytes: heap_MB * 1e6, rss_bytes: 5e7 });
    const warm = Array.from({ length: 100 }, (_, k) => sample(k, k < 20 ? k : 20));
    expect(trend(warm, 'heap_bytes').growth_MB).toBeCloseTo(0, 9);
    const leak = Array.from({ length: 101 }, (_, k) => sample(k, 20 + 0.1 * k));
    expect(trend(leak, 'heap_bytes').slope_MBph).toBeCloseTo(360, 6);
    expect(trend(leak, 'heap_bytes').growth_MB).toBeCloseTo(7.5, 6);
    expect(trend(leak, 'rss_bytes').growth_MB).toBeCloseTo(0, 9);
  });
});
