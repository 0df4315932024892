// Random and damaged messages against both ends, in every run of the tests: none throws, none hangs, none keeps memory.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Draw } from './draw.ts';
import { hostEpisode } from './host-dispatch.ts';
import { twinEpisode } from './twin-dispatch.ts';

const SEED = 20261124;
const EPISODES = 120;
/** Memory is looked at from here on: caches and compiled code have settled. */
const WARM = 40;
/** What a leak of one kilobyte per episode would exceed by far is allowed to scatter. */
const SCATTER_BYTES = 6_000_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heldBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Plays all episodes; returns their results and how much memory the later ones left behind. */
async function playAll<T>(
  episode: (draw: Draw) => Promise<T>,
): Promise<{ results: T[]; kept_bytes: number }> {
  const results: T[] = [];
  let before = 0;
  for (let k = 0; k < EPISODES; k += 1) {
    if (k === WARM) before = heldBytes();
    try {
      results.push(await episode(new Draw(SEED, k)));
    } catch (error) {
      throw new Error(`seed ${SEED}, episode ${k}: ${String(error)}`, { cause: error });
    }
  }
  return { results, kept_bytes: heldBytes() - before };
}

function sumOf(counts: Record<string, number>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const count of counts) for (const [key, n] of Object.entries(count)) sum[key] = (sum[key] ?? 0) + n;
  return sum;
}

describe('messages of any kind', () => {
  it('to the twin: no exception, no INTERNAL, whole frames only, and the next HELLO is answered', async () => {
    const { results, kept_bytes } = await playAll(twinEpisode);
    const codes = sumOf(results.map((result) => result.codes));
    const inputs = results.reduce((sum, result) => sum + result.inputs, 0);
    process.stdout.write(
      `twin: ${inputs} inputs, replies by code ${JSON.stringify(codes)}, ${kept_bytes} bytes kept\n`,
    );
    for (const code of [0, 3, 9, 12])
      expect(codes[code] ?? 0, `replies with code ${code}`).toBeGreaterThan(100);
    expect(kept_bytes).toBeLessThan(SCATTER_BYTES);
  });

  it('to the host: every operation ends with a value or a LinkError, and the link closes once', async () => {
    const { results, kept_bytes } = await playAll(hostEpisode);
    const endings = sumOf(results);
    process.stdout.write(`host: operations by ending ${JSON.stringify(endings)}, ${kept_bytes} bytes kept\n`);
    for (const ending of ['ok', 'refused', 'protocol-error', 'link-lost', 'device-rebooted']) {
      expect(endings[ending] ?? 0, ending).toBeGreaterThan(10);
    }
    expect(kept_bytes).toBeLessThan(SCATTER_BYTES);
  });
});
