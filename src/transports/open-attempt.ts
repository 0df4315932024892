// One attempt to open something slow: bounded in time, cancellable, and what comes too late is thrown away.
import type { Clock } from '../clock/clock.ts';
import type { PortEvents } from './port-events.ts';
import { TransportError } from './port.ts';

export const OPEN_TIMEOUT_MS = 5_000;

export interface OpenAttempt {
  events: PortEvents;
  label: string;
  clock: Clock;
  timeout_ms: number;
  signal: AbortSignal;
  timeoutRemedy: string;
  /** Rejects with a TransportError. */
  start(): Promise<void>;
  /** Undoes a start() that failed, was cancelled or came too late; called once and may be called before it ends. */
  abandon(): void;
}

/**
 * Takes a port from `new` to `open`. Rejects with the signal's reason when cancelled, and with TransportError
 * otherwise; the port is `closed` then.
 */
export async function attemptOpen(attempt: OpenAttempt): Promise<void> {
  const { events, label, clock, timeout_ms, signal } = attempt;
  if (events.phase !== 'new') {
    throw new TransportError('open-failed', `${label} was opened before`, {
      remedy: 'Make a new port for every connection.',
      retryable: false,
    });
  }
  events.phase = 'opening';
  let giveUp: (error: Error) => void = () => undefined;
  const givenUp = new Promise<never>((_, reject) => (giveUp = reject));
  const onAbort = (): void => giveUp(reasonOf(signal));
  const timer = clock.after(timeout_ms, () =>
    giveUp(
      new TransportError('open-timeout', `${label} did not open within ${timeout_ms} ms`, {
        remedy: attempt.timeoutRemedy,
        retryable: true,
      }),
    ),
  );
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) throw reasonOf(signal);
    await Promise.race([attempt.start(), givenUp]);
    // close() may have been called meanwhile
    if ((events.phase as string) !== 'opening') throw closedMeanwhile(label);
    events.phase = 'open';
  } catch (error) {
    events.phase = 'closed';
    attempt.abandon();
    throw error;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('opening was cancelled');
}

function closedMeanwhile(label: string): TransportError {
  return new TransportError('open-failed', `${label} was closed while it was being opened`, {
    remedy: 'Make a new port for every connection.',
    retryable: false,
  });
}
