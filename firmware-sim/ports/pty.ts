// The twin behind a serial device: socat joins a pty to the twin's TCP port, because Node cannot open one. The twin keeps
// the line open itself, so that hosts may come and go without the device name vanishing.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:fs';
import { lstat, open, realpath, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Controller } from '../firmware/index.ts';
import { TwinPortError } from './errors.ts';
import { serveTcp } from './tcp-server.ts';

const APPEAR_LIMIT_MS = 5000;
const APPEAR_POLL_MS = 10;
const STOP_LIMIT_MS = 2000;

export interface PtyService {
  readonly path: string;
  /** Resolves with a reason when socat ended although nobody asked it to. */
  readonly failed: Promise<TwinPortError>;
  /** Ends socat, takes the link away, closes the TCP port. Idempotent. */
  close: () => Promise<void>;
}

/**
 * Serves a controller on a pty whose name is the link `path`. Resolves once the link can be opened. Rejects with
 * TwinPortError `socat-missing`, `path-in-use` or `pty-failed`.
 */
export async function servePty(
  controller: Controller,
  path: string,
  options: { socat?: string } = {},
): Promise<PtyService> {
  await clearStaleLink(path);
  const tcp = await serveTcp(controller, { host: '127.0.0.1', port: 0 });
  const bridge = new Bridge(options.socat ?? 'socat', path, tcp.port);
  try {
    await bridge.ready();
  } catch (error) {
    await bridge.stop();
    await tcp.close();
    throw error;
  }
  let closing: Promise<void> | null = null;
  return {
    path,
    failed: bridge.failed,
    close: () => (closing ??= bridge.stop().then(() => tcp.close())),
  };
}

/** A link whose pty is gone is left over from a killed twin; anything else is somebody's. */
async function clearStaleLink(path: string): Promise<void> {
  const stat = await lstat(path).catch(() => null);
  if (stat === null) return;
  const leadsSomewhere = await realpath(path).then(
    () => true,
    () => false,
  );
  if (stat.isSymbolicLink() && !leadsSomewhere) return unlink(path);
  throw new TwinPortError('path-in-use', `${path} exists already`, {
    remedy: 'Stop the twin that uses it, or choose another path.',
  });
}

/** The socat process and the open line. */
class Bridge {
  readonly failed: Promise<TwinPortError>;
  readonly #path: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #words = '';
  #stopping = false;
  #ended = false;
  #error: TwinPortError | null = null;
  #line: FileHandle | null = null;

  constructor(socat: string, path: string, port: number) {
    this.#path = path;
    // In a group of its own: Ctrl-C reaches the twin alone, which then ends socat in order.
    this.#child = spawn(
      socat,
      [`pty,raw,echo=0,link=${escapeSocat(path)}`, `tcp:127.0.0.1:${port},nodelay`],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        detached: true,
      },
    );
    this.#child.stderr?.on(
      'data',
      (bytes: Buffer) => (this.#words = (this.#words + bytes.toString()).slice(-500)),
    );
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
    this.failed = new Promise((resolve) => {
      const end = (error: TwinPortError): void => {
        this.#ended = true;
        this.#error = error;
        if (!this.#stopping) resolve(error);
      };
      this.#child.once('error', (cause: NodeJS.ErrnoException) => end(spawnError(socat, cause)));
      this.#child.once('exit', () => end(this.#exitError()));
    });
  }

  /** Waits for the link and opens the line. */
  async ready(): Promise<void> {
    for (let waited_ms = 0; waited_ms < APPEAR_LIMIT_MS; waited_ms += APPEAR_POLL_MS) {
      if (this.#error !== null) throw this.#error;
      // A pty with no opener at all reads as an error to socat, which would then end.
      this.#line = await open(this.#path, constants.O_RDWR | constants.O_NOCTTY).catch(() => null);
      if (this.#line !== null) return;
      await delay(APPEAR_POLL_MS);
    }
    throw new TwinPortError('pty-failed', `socat made no pty at ${this.#path}: ${this.#words.trim()}`, {
      remedy: 'Choose a path in a directory that you may write to.',
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (!this.#ended) {
      this.#child.kill('SIGTERM');
      const forced = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
      await this.#exited;
      clearTimeout(forced);
    }
    await this.#line?.close().catch(() => undefined);
    this.#line = null;
    await removeDangling(this.#path);
  }

  #exitError(): TwinPortError {
    const words = this.#words.trim();
    return new TwinPortError('pty-failed', `socat ended: ${words === '' ? 'it gave no reason' : words}`, {
      remedy: 'Choose a path in a directory that you may write to, and start the twin again.',
      retryable: true,
    });
  }
}

function spawnError(socat: string, cause: NodeJS.ErrnoException): TwinPortError {
  if (cause.code === 'ENOENT') {
    const remedy = 'Install it with: apt-get install socat. Or serve over TCP: thermoloop twin --tcp 0';
    return new TwinPortError('socat-missing', 'a pty needs the program socat, which was not found', {
      remedy,
      cause,
    });
  }
  const remedy = 'Check that socat runs at all: socat -V';
  return new TwinPortError('pty-failed', `cannot start ${socat}: ${cause.message}`, { remedy, cause });
}

/** socat removes its link when it ends in order; after SIGKILL a dangling one is left. */
async function removeDangling(path: string): Promise<void> {
  const stat = await lstat(path).catch(() => null);
  if (stat?.isSymbolicLink() !== true) return;
  const leadsSomewhere = await realpath(path).then(
    () => true,
    () => false,
  );
  if (!leadsSomewhere) await unlink(path).catch(() => undefined);
}

/** socat reads `,` `:` `!` and quotes in an address as its own. */
function escapeSocat(path: string): string {
  return path.replace(/[\\,:!"'(){}[\]]/g, '\\$&');
}
