// Real processes of the product for tests: started through the command line as a user would, and always ended.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ThermoloopClient } from '../../src/client/index.ts';
import { startChild, type Child } from '../../src/cli/demo/children.ts';

export const hasSocat = spawnSync('socat', ['-V']).status === 0;

/** A folder that goes away with `close`. */
export function scratch(): { path: string; close: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'thermoloop-test-'));
  return { path, close: () => rmSync(path, { recursive: true, force: true }) };
}

export interface Said {
  code: number;
  out: string;
  err: string;
}

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;

/** Runs the command line as a process of its own, to its end. */
export function thermoloop(...words: string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...words], (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    );
  });
}

/** A twin on a TCP port; port 0 takes a free one. */
export function startTwin(options: {
  units: number;
  seed?: number;
  port?: number;
  words?: string[];
}): Promise<Child> {
  const { units, seed = 1, port = 0, words = [] } = options;
  return startChild(
    'twin',
    ['twin', '--tcp', `127.0.0.1:${port}`, '--units', `${units}`, '--seed', `${seed}`, ...words],
    {},
  );
}

export interface RunningService {
  child: Child;
  url: string;
  /** An operator's. */
  key: string;
  /** With that key; never sends a request twice. */
  client: ThermoloopClient;
}

/** A service on a free port with its data in `folder`, and an operator's key for it. */
export async function startService(
  device: string,
  folder: string,
  env: Record<string, string> = {},
): Promise<RunningService> {
  const keyFile = join(folder, 'bootstrap-key');
  const child = await startChild(
    'service',
    ['serve', '--device', device, '--port', '0', '--metrics-port', '0', '--data', join(folder, 'data')],
    { THERMOLOOP_BOOTSTRAP_KEY_FILE: keyFile, THERMOLOOP_RATE_LIMIT: '100000', ...env },
  );
  const url = String(child.ready['url']);
  const bootstrap = new ThermoloopClient({ baseUrl: url, key: readFileSync(keyFile, 'utf8').trim() });
  const { key } = await bootstrap.createKey({ name: 'test', role: 'operator' });
  // Tests want to see every refusal, not the success after it.
  const client = new ThermoloopClient({ baseUrl: url, key, retry: { attempts: 1 } });
  return { child, url, key, client };
}

/** Waits until a condition holds, looking every 50 ms; throws after the limit. Returns the seconds it took. */
export async function until(
  condition: () => Promise<boolean> | boolean,
  limit_s: number,
  what: string,
): Promise<number> {
  const start = performance.now();
  for (;;) {
    if (await condition()) return (performance.now() - start) / 1000;
    if (performance.now() - start > limit_s * 1000) throw new Error(`${what}: not within ${limit_s} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
