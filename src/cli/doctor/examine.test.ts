// The doctor at work: on twins over TCP and a pty, on a wrong port, a busy one, one where something else answers, and as a
// command.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createTwin, servePty, serveTcp, type Twin } from '../../../firmware-sim/ports/index.ts';
import { hasSocat, scratch } from '../../../test/support/processes.ts';
import { systemClock } from '../../clock/clock.ts';
import type { Check, Examination } from './check.ts';
import { examine, type ExamineOptions } from './examine.ts';

const UNITS = 784;
const OPTIONS: ExamineOptions = { hostVersion: 'test', pings: 20, load: 'auto', takeOver: false };
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function newTwin(): Promise<Twin> {
  const twin = await createTwin({
    units: UNITS,
    threads: 1,
    seed: 1n,
    firmwareVersion: 'test',
    clock: systemClock,
  });
  closers.push(() => twin.close());
  return twin;
}

async function tcpTwin(): Promise<{ twin: Twin; url: string; port: number }> {
  const twin = await newTwin();
  const { port, close } = await serveTcp(twin.controller, { host: '127.0.0.1', port: 0 });
  closers.push(close);
  return { twin, port, url: `tcp://127.0.0.1:${port}` };
}

/** Runs a script in another process until it has printed something. */
async function otherProcess(script: string): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closers.push(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
}

const results = ({ checks }: Examination): Record<string, string> =>
  Object.fromEntries(checks.map(({ name, result }) => [name, result]));
const named = ({ checks }: Examination, name: string): Check | undefined =>
  checks.find((check) => check.name === name);

describe('the doctor over TCP', () => {
  it('says that a recording cannot be examined', async () => {
    const { ok, checks } = await examine('replay:run.mcap', OPTIONS);
    expect(ok).toBe(false);
    expect(checks.map(({ name, result }) => [name, result])).toEqual([
      ['address', 'ok'],
      ['replay', 'failure'],
    ]);
  });

  it('finds a twin healthy, measures it, and leaves it able to be measured again', async () => {
    const { twin, url } = await tcpTwin();
    for (let visit = 0; visit < 3; visit += 1) {
      const found = await examine(url, OPTIONS);
      expect(found.ok).toBe(true);
      expect(found.checks.filter(({ result }) => result === 'failure')).toEqual([]);
      expect(named(found, 'hello')?.facts).toMatchObject({ uid: twin.uid, simulated: true, units: UNITS });
      expect(named(found, 'round-trip')?.facts).toMatchObject({ pings: 20 });
      expect(named(found, 'goodput')?.facts?.['bytes']).toBeGreaterThan(0);
      expect(named(found, 'line-damage')?.result).toBe('ok');
    }
    expect(named(await examine(url, { ...OPTIONS, load: 'never' }), 'goodput')?.result).toBe('skipped');
  });

  it('says of a line with planted faults that they are, and sees the damage', async () => {
    const { url } = await tcpTwin();
    const found = await examine(`chaos+${url}?faults=flip:2e-4,spare:500&seed=3`, { ...OPTIONS, pings: 200 });
    expect(results(found)).toMatchObject({ 'planted-faults': 'warning', 'line-damage': 'warning' });
    expect(named(found, 'line-damage')?.remedy).toContain('cable');
  });

  it('keeps off a device that another program uses, unless told to', async () => {
    const { port, url } = await tcpTwin();
    await otherProcess(`
      import { connect } from 'node:net';
      const socket = connect(${port}, '127.0.0.1', () => console.log('connected'));
      socket.on('data', () => {});`);
    const found = await examine(url, OPTIONS);
    expect(results(found)).toEqual({ address: 'ok', host: 'ok', 'other-hosts': 'failure' });
    expect(found.ok).toBe(false);
    const forced = await examine(url, { ...OPTIONS, takeOver: true });
    expect(results(forced)).toMatchObject({ 'other-hosts': 'failure', hello: 'ok' });
    expect(forced.ok).toBe(true);
  });

  it('names a port where nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const found = await examine(`tcp://127.0.0.1:${port}`, OPTIONS);
    expect(found.ok).toBe(false);
    expect(named(found, 'open')).toMatchObject({
      result: 'failure',
      facts: { code: 'connection-refused' },
      remedy: expect.stringContaining('thermoloop twin') as string,
    });
  });

  it('names a port where something else answers', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined).write('220 mail.example ESMTP\r\n');
    }).listen(0, '127.0.0.1');
    closers.push(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const found = await examine(`tcp://127.0.0.1:${port}`, OPTIONS);
    expect(results(found)).toMatchObject({ open: 'ok', hello: 'failure' });
    expect(named(found, 'hello')?.facts).toEqual({ code: 'not-a-device' });
  });

  it('explains a malformed address', async () => {
    const found = await examine('tcp://localhost', OPTIONS);
    expect(found.checks).toHaveLength(1);
    expect(found.checks[0]).toMatchObject({
      name: 'address',
      result: 'failure',
      remedy: expect.stringContaining('tcp://127.0.0.1:') as string,
    });
  });
});

function overPty(): void {
  it('finds a twin healthy', async () => {
    const folder = scratch();
    closers.push(folder.close);
    const path = join(folder.path, 'line');
    const pty = await servePty((await newTwin()).controller, path);
    closers.push(() => pty.close());
    const found = await examine(`serial://${path}`, OPTIONS);
    expect(found.ok).toBe(true);
    expect(results(found)).toMatchObject({
      path: 'ok',
      'stable-name': 'skipped',
      permissions: 'ok',
      holders: 'ok',
      hello: 'ok',
      goodput: 'ok',
    });
  });

  it('names who holds the line', async () => {
    const folder = scratch();
    closers.push(folder.close);
    const path = join(folder.path, 'line');
    const pty = await servePty((await newTwin()).controller, path);
    closers.push(() => pty.close());
    const transports = new URL('../../transports/index.ts', import.meta.url).href;
    await otherProcess(`
      import { openPort } from ${JSON.stringify(transports)};
      await openPort(${JSON.stringify(`serial://${path}`)}).open(new AbortController().signal);
      console.log('held');
      setInterval(() => {}, 1000);`);
    const found = await examine(`serial://${path}`, OPTIONS);
    expect(found.ok).toBe(false);
    expect(named(found, 'holders')).toMatchObject({
      result: 'failure',
      message: expect.stringMatching(/locked by process \d+ \(.*node/) as string,
      remedy: expect.stringMatching(/kill \d+/) as string,
    });
    expect(named(found, 'hello')).toBeUndefined();
  });

  it('names a path that leads nowhere, and one that is no line', async () => {
    expect(named(await examine('serial:///dev/no-such-line', OPTIONS), 'path')?.result).toBe('failure');
    const plain = new URL(import.meta.url).pathname;
    expect(named(await examine(`serial://${plain}`, OPTIONS), 'path')?.message).toContain('no device');
  });
}
if (hasSocat) describe('the doctor on a pty', overPty);
else describe.skip('the doctor on a pty (skipped: socat is not installed)', overPty);

describe('thermoloop doctor', () => {
  const main = new URL('../main.ts', import.meta.url).pathname;
  const doctor = (...words: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [main, 'doctor', ...words], { encoding: 'utf8' });

  it('exits 1 with a remedy, as text and as JSON, and 2 without a device', () => {
    const text = doctor('--device', 'serial:///dev/no-such-line');
    expect(text.status).toBe(1);
    expect(text.stdout).toMatch(/failure +path .*does not exist\n +Check the cable/);
    const json = doctor('--device', 'COM3', '--json');
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ url: 'COM3', ok: false, checks: [{ name: 'address' }] });
    expect(doctor().status).toBe(2);
  });
});
