// The safe stop on the wire: StopRun ahead of everything, then the device's own word that nothing runs any more.
import { sleep, type Clock } from '../clock/clock.ts';
import { DeviceState, type Link } from '../link/index.ts';
import type { DeviceReason } from './errors.ts';

/** After so long without the host every device has stopped by itself (link-protocol section 10). */
export const STOP_LIMIT_MS = 5_000;
/** A device that says it still runs is told again, not in a tight loop. */
const AGAIN_MS = 20;

/** What became of a stop. JSON-safe. */
export interface StopReport {
  /** The device itself says that nothing runs. */
  confirmed: boolean;
  /** An operation was going on. */
  endedOperation: boolean;
  /** From the call to the confirmation, or to giving up; by the clock of the device. */
  duration_s: number;
  /** Why it is not confirmed. */
  reason: DeviceReason | null;
}

type StoppingLink = Pick<Link, 'stop' | 'status'>;

/**
 * Sends the stop before it returns for the first time.
 * @param settled of the operation that was aborted with it
 * @param away why there is no link
 */
export async function stopChip(
  link: StoppingLink | null,
  settled: Promise<void> | null,
  clock: Clock,
  away: DeviceReason | null,
): Promise<StopReport> {
  const started_ms = clock.now_ms();
  const giveUp = new AbortController();
  const limit = sleep(clock, STOP_LIMIT_MS, giveUp.signal).then(
    () => 'late' as const,
    () => 'late' as const,
  );
  const work =
    link === null ? Promise.resolve('away' as const) : confirmStop(link, settled, clock, giveUp.signal);
  const outcome = await Promise.race([work.catch((error: unknown) => error), limit]);
  giveUp.abort();
  return {
    confirmed: outcome === 'confirmed',
    endedOperation: settled !== null,
    duration_s: (clock.now_ms() - started_ms) / 1e3,
    reason: reasonOf(outcome, away),
  };
}

async function confirmStop(
  link: StoppingLink,
  settled: Promise<void> | null,
  clock: Clock,
  signal: AbortSignal,
): Promise<'confirmed'> {
  for (;;) {
    await link.stop();
    // A run that was being asked for when the stop came is stopped by its own operation.
    await settled;
    const { state } = await link.status();
    if (state !== DeviceState.RUNNING) return 'confirmed';
    await sleep(clock, AGAIN_MS, signal);
  }
}

function reasonOf(outcome: unknown, away: DeviceReason | null): DeviceReason | null {
  if (outcome === 'confirmed') return null;
  const remedy =
    'Look at the chip itself or cut its power. A device without its host stops by itself within 5 s, and operations ' +
    'are refused until somebody resumes it.';
  if (outcome === 'away')
    return { code: away?.code ?? 'device-offline', message: away?.message ?? 'it is not connected', remedy };
  if (outcome === 'late')
    return { code: 'link-timeout', message: `it has not answered within ${STOP_LIMIT_MS / 1e3} s`, remedy };
  const { message } = outcome as Error;
  return { code: 'link-lost', message, remedy };
}
