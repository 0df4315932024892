// What is measured: a real `thermoloop serve` on a twin over TCP, each a process of its own, and an operator's key.
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../src/cli/demo/children.ts';
import { ThermoloopClient } from '../../src/client/index.ts';

export const UNITS_MAX = 1296;
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const INSIDE = new URL('./inside.ts', import.meta.url).href;

export interface Stand {
  url: string;
  metricsUrl: string;
  key: string;
  client: ThermoloopClient;
  /** On the disk of the service's data. */
  folder: string;
  /** Asks the code inside the service (inside.ts). */
  ask<T>(what: string): Promise<T>;
  close(): Promise<void>;
}

/** @param parent folder on the disk that is to be measured */
export async function startStand(parent: string): Promise<Stand> {
  const folder = mkdtempSync(join(parent, 'thermoloop-bench-'));
  const twin = await startChild('twin', ['twin', '--tcp', '127.0.0.1:0', '--units', String(UNITS_MAX)], {});
  const keyFile = join(folder, 'bootstrap-key');
  const words = [
    'serve',
    '--device',
    String(twin.ready['url']),
    '--port',
    '0',
    '--metrics-port',
    '0',
    '--json',
  ];
  const service = fork(MAIN, [...words, '--data', join(folder, 'data')], {
    execArgv: ['--import', INSIDE],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: {
      ...process.env,
      THERMOLOOP_BOOTSTRAP_KEY_FILE: keyFile,
      THERMOLOOP_RATE_LIMIT: '1000000',
      THERMOLOOP_LOG_LEVEL: 'error',
    },
  });
  const close = async (): Promise<void> => {
    await ended(service);
    await twin.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const { url, metricsUrl } = await readyLine(service);
    const first = new ThermoloopClient({ baseUrl: url, key: readFileSync(keyFile, 'utf8').trim() });
    const { key: adminKey } = await first.createKey({ name: 'bench', role: 'admin' });
    const admin = new ThermoloopClient({ baseUrl: url, key: adminKey });
    const { key } = await admin.createKey({ name: 'load', role: 'operator' });
    const client = new ThermoloopClient({ baseUrl: url, key });
    return { url, metricsUrl, key, client, folder, ask: asker(service), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readyLine(service: ChildProcess): Promise<{ url: string; metricsUrl: string }> {
  if (service.stdout === null) throw new Error('the service has no standard output');
  for await (const line of createInterface(service.stdout))
    if (line.startsWith('{')) return JSON.parse(line) as { url: string; metricsUrl: string };
  throw new Error('the service ended before it was ready');
}

function asker(service: ChildProcess): Stand['ask'] {
  let asked = 0;
  const waiting = new Map<number, (answer: unknown) => void>();
  service.on('message', ({ id, answer }: { id: number; answer: unknown }) => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  return <T>(what: string) =>
    new Promise<T>((resolve) => {
      asked += 1;
      waiting.set(asked, resolve as (answer: unknown) => void);
      service.send({ id: asked, what });
    });
}

async function ended(service: ChildProcess): Promise<void> {
  if (service.exitCode !== null || service.signalCode !== null) return;
  const gone = new Promise((resolve) => service.once('exit', resolve));
  service.kill('SIGTERM');
  const timer = setTimeout(() => service.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}
