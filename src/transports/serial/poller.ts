// A repair of the event poller under node-serialport, without which long writes stand still now and then.

export interface Poller {
  poll(events: number): void;
  listenerCount(event: string): number;
}
const READABLE = 1;
const WRITABLE = 2;

/**
 * Works around a lost wake-up of @serialport/bindings-cpp 13: its poller hands each new interest to uv_poll_start()
 * alone, so that waiting for bytes forgets a writer that waits for room, and a long write stands still until the next
 * byte arrives (5 of 60 bidirectional transfers over a pty). Whoever still waits is added to every new interest.
 */
export function keepBothInterests(binding: { poller?: Poller }): void {
  const { poller } = binding;
  if (poller === undefined) return; // Windows has no poller
  const poll = poller.poll.bind(poller);
  poller.poll = (events) => {
    const waiting =
      (poller.listenerCount('readable') > 0 ? READABLE : 0) |
      (poller.listenerCount('writable') > 0 ? WRITABLE : 0);
    poll(events | waiting);
  };
}
