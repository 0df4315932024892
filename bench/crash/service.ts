// The service under test: `thermoloop serve` as a process of its own, started again and again on the same data, and ended
// with SIGKILL in between.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/thermoloop.js', import.meta.url));
const READY_WITHIN_MS = 60_000;
const SAID_MAX = 4_000;

export interface ServiceOptions {
  device: string;
  dataDir: string;
  bootstrapKeyFile: string;
  /** Of the database, where it is not SQLite. */
  environment: Record<string, string>;
  /** Words for Node itself: how a bug is planted. */
  execArgv: readonly string[];
}

export class Service {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Resolves when it serves. Rejects with what it said when it ends before. */
  static async start(options: ServiceOptions): Promise<Service> {
    const child = spawnService(options);
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-SAID_MAX)));
    const timer = setTimeout(() => child.kill('SIGKILL'), READY_WITHIN_MS);
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        if (!line.startsWith('{')) continue;
        const ready = JSON.parse(line) as { ready?: boolean; url?: string };
        if (ready.ready === true && ready.url !== undefined) return new Service(child, ready.url);
      }
    } finally {
      clearTimeout(timer);
    }
    throw new Error(`the service did not start: ${said.trim()}`);
  }

  /** Killed on its way, wherever it is by then; whether it served already does not matter. */
  static async startAndKill(options: ServiceOptions, after_ms: number): Promise<void> {
    const service = new Service(spawnService(options), '');
    await new Promise((resolve) => setTimeout(resolve, after_ms));
    await service.kill();
  }

  /** No chance to finish anything. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** As an operator stops it. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }
}

function spawnService(options: ServiceOptions) {
  const words = ['--device', options.device, '--port', '0', '--metrics-port', '0', '--data', options.dataDir];
  return spawn(
    process.execPath,
    [...options.execArgv, BIN, 'serve', ...words, '--json', '--exit-with-parent'],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        THERMOLOOP_BOOTSTRAP_KEY_FILE: options.bootstrapKeyFile,
        THERMOLOOP_RATE_LIMIT: '9999999',
        THERMOLOOP_LOG_LEVEL: 'error',
        ...options.environment,
      },
    },
  );
}
