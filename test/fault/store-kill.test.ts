// Kills a writer with SIGKILL at arbitrary moments and looks for every row that it had been promised. This shows that a
// dead process loses nothing; it does not show what a power cut would do (decisions 14).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock/clock.ts';
import { openStore } from '../../src/store/index.ts';

const ROUNDS = 4;
/** Acknowledgements before the kill: by count, not by time, so that a slow machine tests the same. */
const acknowledgementsOf = (round: number): number => 3 + 17 * round;

/** Runs the writer until it has acknowledged `count` rows, kills it, and returns all that it acknowledged. */
async function killedWriter(dataDir: string, count: number): Promise<string[]> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'store-writer.ts'), dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(writer, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface({ input: writer.stdout })) {
    lines.push(line);
    if (lines.length === count) writer.kill('SIGKILL');
  }
  const [, signal] = (await exit) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  return lines;
}

it('a killed writer loses nothing that it was promised, and leaves the directory free', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-kill-'));
  try {
    const promised: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      promised.push(...(await killedWriter(dataDir, acknowledgementsOf(round))));
      const store = await openStore({ dataDir, clock: systemClock });
      for (const line of promised) {
        const [id, blob] = line.split(' ');
        expect(await store.jobs.find(id)).toMatchObject({ state: 'succeeded', samplesBlob: blob });
        await store.blobs.get(blob);
      }
      // Nothing is half there: a row that was not promised has its blob too, if it names one.
      for (const job of await store.jobs.list({ state: 'succeeded', limit: 500 }))
        await store.blobs.get(job.samplesBlob ?? '');
      await store.close();
    }
    expect(promised.length).toBeGreaterThanOrEqual(100);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});
