// How long a stop takes to leave a line that is busy with loads (decisions.md 35), and to be answered.
import { LinkError } from '../../src/link/index.ts';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { randomImage } from './images.ts';
import { pause, type LimitedLink, type StopTime } from './limited-link.ts';

/** Between two stops the window fills again, and they fall anywhere between two chunks. */
const PAUSE_MIN_MS = 60;
const PAUSE_SPREAD_MS = 60;

/** `count` stops at random moments while one load follows another. */
export async function stopLatencies(
  limited: LimitedLink,
  options: { units: number; count: number; seed: number },
): Promise<StopTime[]> {
  const { units, count, seed } = options;
  const uniform = seededUniform(seed);
  const times: StopTime[] = [];
  for (let loads = 0; times.length < count; loads += 1) {
    const image = randomImage(units, seed * 10_000 + 5_000 + loads);
    let isLoading = false;
    // Only the middle of a load counts: its chunks are on the line and its end is not near.
    const onProgress = (sent: number, total: number): void => {
      isLoading = sent > 0 && sent < 0.9 * total;
    };
    let isOver = false;
    const enough = new AbortController();
    const load = limited.link
      .load(image, { kind: 'program', units, onProgress, signal: enough.signal })
      .catch((error: unknown) => {
        if (!(error instanceof LinkError && error.code === 'cancelled')) throw error;
      })
      .finally(() => {
        isOver = true;
      });
    while (!isOver && times.length < count) {
      await Promise.race([load, pause(PAUSE_MIN_MS + PAUSE_SPREAD_MS * uniform())]);
      if (!isOver && isLoading) times.push(await limited.stop());
    }
    enough.abort();
    await load;
  }
  return times;
}
