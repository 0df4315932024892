// Where the examples of one page run: a folder, `thermoloop` and `npm run thermoloop` from this checkout, one shell state for
// all blocks, and addresses of the documentation replaced by those of this run.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonWithNumpy } from '../support/python.ts';
import type { Block } from './blocks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const START_LIMIT_MS = 20_000;
/** Training and 200 samples of the digits take 20 s on a quiet machine. */
export const RUN_LIMIT_MS = 150_000;
/** Ports that the pages name: the service, its metrics, a twin and its control channel. */
const documented = ['8080', '9464', '7700', '7701', '7702'];

export const hasCurl = spawnSync('curl', ['--version']).status === 0;

export class Session {
  readonly folder: string;
  readonly #replacements: [string, string][];
  readonly #environment: Record<string, string>;
  readonly #children: ChildProcess[] = [];
  /** A bootstrap key that a background program has shown. */
  #shown: Record<string, string> = {};

  private constructor(folder: string, ports: Map<string, number>, environment: Record<string, string>) {
    this.folder = folder;
    this.#replacements = [
      ...[...ports].map(([port, here]): [string, string] => [port, String(here)]),
      ['/tmp/thermoloop0', join(folder, 'thermoloop0')],
    ];
    this.#environment = {
      ...process.env,
      THERMOLOOP_PORT: String(ports.get('8080')),
      THERMOLOOP_METRICS_PORT: String(ports.get('9464')),
      THERMOLOOP_LOG_LEVEL: 'error',
      NODE_NO_WARNINGS: '1',
      PYTHONPATH: join(root, 'examples/python'),
      ...environment,
      THERMOLOOP_TEST_PATH: process.env['PATH'] ?? '',
      PATH: `${join(folder, '.bin')}:${process.env['PATH']}`,
    };
    writeShims(join(folder, '.bin'));
  }

  /** @param service of the page, instead of one that the page itself starts */
  static async start(service: { url: string } | null, environment: Record<string, string>): Promise<Session> {
    const ports = new Map<string, number>();
    for (const port of documented) ports.set(port, await freePort());
    if (service !== null) ports.set('8080', Number(new URL(service.url).port));
    return new Session(mkdtempSync(join(tmpdir(), 'thermoloop-docs-')), ports, environment);
  }

  /** Addresses and folders of the documentation to those of this run. */
  local(text: string): string {
    return this.#replacements.reduce((all, [from, to]) => all.replaceAll(from, to), text);
  }

  /** Runs a block to its end. Throws with what it said when it fails. */
  run({ language, text, line }: Block): Promise<string> {
    const here = this.local(text);
    if (language === 'python') return this.#process('python3', ['-c', here]);
    if (language === 'ts') {
      const client = new URL('../../src/client/index.ts', import.meta.url).href;
      const file = join(this.folder, `example-${line}.mts`);
      writeFileSync(file, here.replaceAll("'thermoloop/client'", `'${client}'`));
      return this.#process(process.execPath, [file]);
    }
    // What a block sets is there for the next one.
    const state = join(this.folder, '.state');
    const before = existsSync(state) ? `source ${state}\n` : '';
    return this.#process('bash', [
      '-c',
      `${before}set -aeuo pipefail\n${here}\nset +u\nexport -p | grep -v ' PATH=' >${state}`,
    ]);
  }

  /** Starts every line as a program of its own, each when the one before has said something. */
  async background({ text }: Block): Promise<void> {
    for (const line of text.split('\n').filter((one) => one.trim() !== '' && !one.startsWith('#')))
      await this.#startOne(this.local(line));
  }

  async close(): Promise<void> {
    for (const child of this.#children.reverse()) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode !== null || child.pid === undefined) continue;
      process.kill(-child.pid, 'SIGTERM');
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  #startOne(command: string): Promise<void> {
    const child = spawn('bash', ['-c', command], { ...this.#options(), detached: true });
    this.#children.push(child);
    let said = '';
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`${command}\n${why}\n${said}`));
      const timer = setTimeout(() => fail(`said nothing within ${START_LIMIT_MS} ms`), START_LIMIT_MS);
      child.once('exit', (code) => fail(`ended with ${code}`));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        const key = /tlk_\S+/.exec(said)?.[0];
        if (key !== undefined) this.#shown = { BOOTSTRAP_KEY: key };
      });
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (!said.includes('\n')) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #process(command: string, words: string[]): Promise<string> {
    const child = spawn(command, words, this.#options());
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (said += text));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), RUN_LIMIT_MS);
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        if (code === 0) resolve(said);
        else reject(new Error(`ended with ${signal ?? code}:\n${said}`));
      });
    });
  }

  #options(): { cwd: string; env: Record<string, string>; stdio: ['ignore', 'pipe', 'pipe'] } {
    return {
      cwd: this.folder,
      env: { ...this.#environment, ...this.#shown },
      stdio: ['ignore', 'pipe', 'pipe'],
    };
  }
}

/** `thermoloop` of this checkout, npm's way to call it, and a curl that fails where the service refuses. */
function writeShims(folder: string): void {
  const main = join(root, 'src/cli/main.ts');
  const curl = spawnSync('bash', ['-c', 'command -v curl'], { encoding: 'utf8' }).stdout.trim();
  mkdirSync(folder);
  const shims = {
    thermoloop: `exec ${process.execPath} ${main} "$@"`,
    ...(pythonWithNumpy !== null && { python3: `PATH=$THERMOLOOP_TEST_PATH exec ${pythonWithNumpy} "$@"` }),
    node: `exec ${process.execPath} "$@"`,
    curl: `exec ${curl} --fail-with-body "$@"`,
    npm: `[ "$1" = run ] && shift\n[ "$1" = --silent ] && shift\n[ "$1" = thermoloop ] && [ "$2" = -- ] || { echo "npm $*: not to be run here" >&2; exit 1; }\nshift 2\nexec ${process.execPath} ${main} "$@"`,
  };
  for (const [name, script] of Object.entries(shims)) {
    writeFileSync(join(folder, name), `#!/bin/bash\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
