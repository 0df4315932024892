// What ends a long-running subcommand: a signal, or the end of the process that started it.

const PARENT_POLL_MS = 250;

export function whenSignalled(): Promise<null> {
  return new Promise((resolveSignal) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => resolveSignal(null));
    }
  });
}

/** By the channel to the parent where there is one, else by being handed to another one. */
export function whenParentGone(): Promise<null> {
  const parent = process.ppid;
  return new Promise((resolveGone) => {
    process.once('disconnect', () => resolveGone(null));
    const poll = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(poll);
      resolveGone(null);
    }, PARENT_POLL_MS);
    poll.unref();
  });
}
