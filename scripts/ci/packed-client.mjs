// Run in an empty project where the packed package is installed: the client as other programs import it, against a twin and a
// service of the same package. tsc checks it there before, against the types of the package.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ClientError, ThermoloopClient } from 'thermoloop/client';

/** @type {import('node:child_process').ChildProcess[]} */
const children = [];
/** @param {string[]} words */
async function start(...words) {
  const child = spawn(process.execPath, ['node_modules/thermoloop/bin/thermoloop.js', ...words, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, THERMOLOOP_BOOTSTRAP_KEY_FILE: 'bootstrap-key', THERMOLOOP_LOG_LEVEL: 'warn' },
  });
  children.push(child);
  if (child.stdout === null) throw new Error('no standard output');
  for await (const line of createInterface(child.stdout)) return String(JSON.parse(line).url);
  throw new Error(`${words[0]} did not start`);
}

try {
  const twin = await start('twin', '--tcp', '127.0.0.1:0', '--units', '8');
  const baseUrl = await start(
    'serve',
    '--device',
    twin,
    '--port',
    '0',
    '--metrics-port',
    '0',
    '--data',
    'data',
  );
  const first = new ThermoloopClient({ baseUrl, key: readFileSync('bootstrap-key', 'utf8').trim() });
  const { key } = await first.createKey({ name: 'packed', role: 'operator' });
  const client = new ThermoloopClient({ baseUrl, key });
  const model = await client.uploadModel({ couplings: [0, 0.1, 0.1, 0] });
  /** @type {import('thermoloop/client').Job} */
  const job = await client.runJob({
    model,
    device: { id: 'chip-0' },
    relax: { duration_s: 2.5e-6 },
    samples: { count: 10 },
  });
  const { shape, x } = await client.samples(job.id);
  if (shape.join() !== '10,2,2' || x.length !== 40) throw new Error(`wrong shape ${shape.join()}`);
  const refused = await client.job('nothing').catch((/** @type {unknown} */ error) => error);
  if (!(refused instanceof ClientError) || refused.code !== 'unknown-job') throw new Error('not refused');
} finally {
  for (const child of children) child.kill();
}
