// One host of the bench: `thermoloop serve` as a process of its own that can be killed, frozen and started again.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/thermoloop.js', import.meta.url));
const READY_WITHIN_MS = 60_000;

export interface HostOptions {
  name: string;
  /** NAME=URL of each device. */
  devices: readonly string[];
  dataDir: string;
  environment: Record<string, string>;
  /** Words for Node itself: how a bug is planted. */
  execArgv: readonly string[];
}

export class Host {
  readonly name: string;
  url = '';
  readonly #options: HostOptions;
  #child: ChildProcess | null = null;
  #metricsUrl = '';
  /** Counted by processes before the present one, as far as they were asked. */
  #stale = { before: 0, now: 0 };

  constructor(options: HostOptions) {
    this.#options = options;
    this.name = options.name;
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const { devices, dataDir, environment, execArgv } = this.#options;
    const words = devices.flatMap((device) => ['--device', device]);
    const child = spawn(
      process.execPath,
      [
        ...execArgv,
        BIN,
        'serve',
        ...words,
        '--data',
        dataDir,
        '--port',
        '0',
        '--metrics-port',
        '0',
        '--json',
        '--exit-with-parent',
      ],
      { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment } },
    );
    this.#child = child;
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
    const timer = setTimeout(() => child.kill('SIGKILL'), READY_WITHIN_MS);
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        if (!line.startsWith('{')) continue;
        const ready = JSON.parse(line) as { url: string; metricsUrl: string };
        this.url = ready.url;
        this.#metricsUrl = ready.metricsUrl;
        return;
      }
    } finally {
      clearTimeout(timer);
    }
    throw new Error(`host ${this.name} did not start: ${said.trim()}`);
  }

  /** No chance to finish anything. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    this.#stale = { before: this.#stale.before + this.#stale.now, now: 0 };
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Writes that were refused because another host had taken the work over, since the start of the bench. */
  async staleRefused(): Promise<number> {
    const text = await (await fetch(this.#metricsUrl)).text();
    const [, count] = /^thermoloop_stale_writes_refused_total (\d+)$/m.exec(text) ?? [];
    this.#stale.now = Number(count ?? NaN);
    return this.#stale.before + this.#stale.now;
  }
}
