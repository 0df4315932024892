// Lets everything that is due happen before time moves on: timers of this instant one by one, what they set off, and real
// work that holds the clock.
import type { VirtualClock } from './virtual-clock.ts';

/** Turns of the event loop without any change after which nothing more is expected of this instant. */
const QUIET_TURNS = 2;

/** One turn of the event loop: everything that is ready runs. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Runs what is due, in order, until nothing is, nobody holds the clock, and the event loop has been quiet for a few turns.
 * Real asynchronous work that takes longer has to hold the clock. Resolves to false when `stopped()` became true.
 */
export async function settle(clock: VirtualClock, stopped: () => boolean): Promise<boolean> {
  let quiet = 0;
  let seen = -1;
  while (!stopped()) {
    if (clock.held) {
      await new Promise<void>((resolve) => clock.onceChanged(resolve));
      quiet = 0;
    } else if (clock.runNext() || clock.changes !== seen) {
      quiet = 0;
    } else if ((quiet += 1) > QUIET_TURNS) {
      return true;
    }
    seen = clock.changes;
    await nextTurn();
  }
  return false;
}
