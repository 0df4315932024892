// Notices that a serial line is back: its path appears, or comes to lead elsewhere, as udev makes it when a board is
// plugged in. The directories on the way are watched; where that cannot be, the path is looked up now and then.
import { lstatSync, readlinkSync, realpathSync, statSync, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { systemClock, type Clock, type Timer } from '../../clock/clock.ts';

/** How often the path is looked up where directories cannot be watched, milliseconds. */
export const POLL_MS = 1_000;
/** Events about other names after which a directory is too busy to be watched: kernels tell of every write to /dev/null. */
export const NOISE_MAX = 1_000;
/** Links behind links, and directories that appear while they are being looked up; more is left to the next look. */
const HOPS_MAX = 8;

export interface ReturnWatch {
  /** Nothing is called back after it. Idempotent. */
  close(): void;
}

/** fs.watch on one directory: `onEvent` gets the name that changed in it, null where the system does not say; may throw. */
export type WatchDirectory = (
  directory: string,
  onEvent: (name: string | null) => void,
  onError: () => void,
) => { close(): void };

export interface PathWatchOptions {
  /** Of the looks without a watch. The file system keeps the machine's time, whatever time a device keeps. */
  clock?: Clock;
  watchDirectory?: WatchDirectory;
}

/** A directory in which a name on the way to the line is, or will be. */
interface Waypoint {
  /** Another one under the same path has another key. */
  key: string;
  directory: string;
  name: string;
}

/**
 * Calls `onReturn` whenever `path` has appeared, leads to another line, or may be opened by others than before; not for
 * what is there already, nor when it vanishes. Never throws, and keeps no process alive.
 */
export class PathWatch implements ReturnWatch {
  readonly #path: string;
  readonly #onReturn: () => void;
  readonly #clock: Clock;
  readonly #watchDirectory: WatchDirectory;
  readonly #watches = new Map<string, { close(): void }>();
  #seen: string | null;
  #poll: Timer | null = null;
  #noise = 0;
  #closed = false;

  constructor(path: string, onReturn: () => void, options: PathWatchOptions = {}) {
    this.#path = resolve(path);
    this.#onReturn = onReturn;
    this.#clock = options.clock ?? systemClock;
    this.#watchDirectory = options.watchDirectory ?? watchBySystem;
    this.#seen = signatureOf(this.#path);
    this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#poll?.cancel();
    this.#unwatch();
  }

  #look(): void {
    if (this.#closed) return;
    this.#watchTheWay();
    const now = signatureOf(this.#path);
    if (now === this.#seen) return;
    this.#seen = now;
    if (now !== null) this.#onReturn();
  }

  /** Until the way is the one that was watched before it was looked up: nothing can appear unseen in between. */
  #watchTheWay(): void {
    for (let round = 0; round < HOPS_MAX && this.#noise < NOISE_MAX; round++) {
      const way = waypoints(this.#path);
      if (way.length === this.#watches.size && way.every(({ key }) => this.#watches.has(key))) return;
      this.#unwatch();
      try {
        for (const point of way) this.#watches.set(point.key, this.#watchOne(point));
      } catch {
        break; // out of watches (ENOSPC, EMFILE), or the directory has just gone
      }
    }
    this.#pollInstead();
  }

  #watchOne({ directory, name }: Waypoint): { close(): void } {
    const own = basename(directory); // the end of the directory itself is reported under its own name
    const watching = this.#watchDirectory(
      directory,
      (changed) => {
        // A new directory may have the number of the one that ended: keys cannot tell that its watch is dead.
        if (changed === own) this.#unwatch();
        if (changed === null || changed === name || changed === own) this.#look();
        else if ((this.#noise += 1) === NOISE_MAX) this.#pollInstead();
      },
      () => {
        // One that was replaced meanwhile has nothing to say.
        if ([...this.#watches.values()].includes(watching)) this.#pollInstead();
      },
    );
    return watching;
  }

  #pollInstead(): void {
    this.#unwatch();
    if (this.#closed) return;
    this.#poll?.cancel();
    this.#poll = this.#clock.after(POLL_MS, () => this.#look());
  }

  #unwatch(): void {
    for (const watching of this.#watches.values()) watching.close();
    this.#watches.clear();
  }
}

const watchBySystem: WatchDirectory = (directory, onEvent, onError) => {
  const watcher = watch(directory, { persistent: false }, (_kind, name) => onEvent(name));
  watcher.on('error', onError);
  return watcher;
};

/** Where a change on the way to `path` shows: of every link the nearest directory that exists, without repeats. */
function waypoints(path: string): Waypoint[] {
  const way = new Map<string, Waypoint>();
  let at: string | null = path;
  for (let hop = 0; at !== null && hop < HOPS_MAX; hop++) {
    const point = waypoint(at);
    way.set(point.key, point);
    at = linkTarget(at);
  }
  return [...way.values()];
}

function waypoint(path: string): Waypoint {
  let [directory, name] = [dirname(path), basename(path)];
  let identity = directoryIdentity(directory);
  while (identity === null && directory !== dirname(directory)) {
    [directory, name] = [dirname(directory), basename(directory)];
    identity = directoryIdentity(directory);
  }
  return { key: `${identity} ${directory} ${name}`, directory, name };
}

function directoryIdentity(path: string): string | null {
  return attempt(() => {
    const stats = statSync(path);
    return stats.isDirectory() ? `${stats.dev}:${stats.ino}` : null;
  });
}

function linkTarget(path: string): string | null {
  return attempt(() => resolve(dirname(path), readlinkSync(path)));
}

/** Differs where another line, the same one plugged in again, or other permissions are behind the path; null: nothing is. */
function signatureOf(path: string): string | null {
  return attempt(() => {
    const { dev, ino, rdev, mode, uid, gid } = statSync(path);
    const link = lstatSync(path);
    const made = link.isSymbolicLink() ? [link.ino, link.ctimeMs] : [];
    return [realpathSync(path), dev, ino, rdev, mode, uid, gid, ...made].join(' ');
  });
}

function attempt<T>(look: () => T | null): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}
