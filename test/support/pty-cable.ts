// A serial cable that can be pulled: a pty by socat whose other side is a TCP port of a twin. The name under which a host
// opens it is a link of its own, as udev makes them by-id, and may be turned to another pty.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, existsSync } from 'node:fs';
import { open, realpath, rename, symlink, unlink, type FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

let cables = 0;

export class PtyCable {
  /** The name that a host opens. */
  readonly path: string;
  readonly #socat: ChildProcess;
  /** Keeps the pty while no host has it open, as a driver does. */
  readonly #keeper: FileHandle;
  /** /dev/pts/N */
  readonly device: string;

  private constructor(path: string, socat: ChildProcess, keeper: FileHandle, device: string) {
    this.path = path;
    this.#socat = socat;
    this.#keeper = keeper;
    this.device = device;
  }

  /** Joins a new pty to 127.0.0.1:`port` and gives it the name `path`, which may have led elsewhere before. */
  static async plug(port: number, path: string): Promise<PtyCable> {
    const own = `${path}.pty${(cables += 1)}`;
    const ends = [`pty,raw,echo=0,link=${own}`, `tcp:127.0.0.1:${port},nodelay`];
    const socat = spawn('socat', ends, { stdio: 'ignore' });
    while (!existsSync(own)) {
      if (socat.exitCode !== null) throw new Error('socat made no pty');
      await delay(2);
    }
    const device = await realpath(own);
    const keeper = await open(device, constants.O_RDWR | constants.O_NOCTTY);
    const link = `${own}.link`;
    await symlink(device, link);
    await rename(link, path); // replaces what was there at once
    return new PtyCable(path, socat, keeper, device);
  }

  /** The far end stops reading and writing. */
  freeze(): void {
    this.#socat.kill('SIGSTOP');
  }

  thaw(): void {
    this.#socat.kill('SIGCONT');
  }

  /** Pulled: the pty is gone, its name leads nowhere. Idempotent. */
  async unplug(): Promise<void> {
    if (this.#socat.exitCode === null && this.#socat.signalCode === null) {
      const exited = once(this.#socat, 'exit');
      this.#socat.kill('SIGKILL');
      await exited;
    }
    await this.#keeper.close().catch(() => undefined);
  }

  /** unplug(), and the name goes too. */
  async remove(): Promise<void> {
    await this.unplug();
    await unlink(this.path).catch(() => undefined);
  }
}
