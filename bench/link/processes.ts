// Helper processes of the link benches: started with a configuration, asked over IPC, ended with their bench.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Milliseconds of the monotonic clock that all processes of a machine share. */
export const sharedNow_ms = (): number => Number(process.hrtime.bigint()) / 1e6;

export class HelperProcess<Ready> {
  readonly ready: Ready;
  readonly #child: ChildProcess;
  readonly #listeners: ((message: unknown) => void)[] = [];
  #asked = 0;

  private constructor(child: ChildProcess, ready: Ready) {
    this.#child = child;
    this.ready = ready;
    child.on('message', (message) => {
      for (const listener of this.#listeners) listener(message);
    });
  }

  /** Forks a file of this folder; its first message is `ready`. Rejects when it ends before. */
  static async start<Ready>(
    file: string,
    config: object,
    execArgv: string[] = [],
  ): Promise<HelperProcess<Ready>> {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = fork(path, [JSON.stringify(config)], { execArgv });
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`${file} ended with code ${String(code)} before it was ready`);
    });
    const [ready] = (await Promise.race([once(child, 'message'), ended])) as [Ready];
    ended.catch(() => undefined);
    return new HelperProcess(child, ready);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#listeners.push(listener);
  }

  /** Asks and resolves with the answer of the same number. */
  ask<Answer>(what: string): Promise<Answer> {
    const id = (this.#asked += 1);
    return new Promise((resolve) => {
      const take = (message: unknown): void => {
        const reply = message as { id?: number; answer?: Answer };
        if (reply.id !== id) return;
        this.#listeners.splice(this.#listeners.indexOf(take), 1);
        resolve(reply.answer as Answer);
      };
      this.#listeners.push(take);
      this.#child.send({ id, what });
    });
  }

  /** It stands still for so long. */
  freeze(duration_ms: number): void {
    this.#child.kill('SIGSTOP');
    setTimeout(() => this.#child.kill('SIGCONT'), duration_ms);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL'); // it holds nothing that needs an orderly end
    await exited;
  }
}

/** In the helper: its configuration. */
export const configOf = <Config>(): Config => JSON.parse(process.argv[2] ?? '{}') as Config;

/** In the helper: says `ready`, then answers questions; ends with its parent. */
export function serveParent(ready: object, answers: Record<string, () => unknown>): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message: { id: number; what: string }) => {
    void Promise.resolve(answers[message.what]?.()).then((answer) => tellParent({ id: message.id, answer }));
  });
  tellParent(ready);
}

/** In the helper: a message that nobody asked for. */
export function tellParent(message: object): void {
  process.send?.(message);
}
