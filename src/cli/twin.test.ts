// `thermoloop twin` as a process: its line of readiness, how it ends, and what it refuses.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const MAIN = new URL('main.ts', import.meta.url).pathname;
interface Ready {
  ready: boolean;
  url: string;
  uid: string;
  units: number;
  pid: number;
  profile: { name: string; digest: string };
  control: string;
}

let folder: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thermoloop-twin-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rm(folder, { recursive: true }));

function start(...flags: string[]): ChildProcess {
  const child = spawn(process.execPath, [MAIN, 'twin', '--units', '8', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return line;
}
const ready = async (child: ChildProcess): Promise<Ready> => JSON.parse(await firstLine(child)) as Ready;

async function ended(child: ChildProcess): Promise<{ code: number | null; words: string }> {
  let words = '';
  child.stderr?.on('data', (bytes: Buffer) => (words += bytes.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, words };
}

/** Processes whose command line names `text`. */
async function processesNaming(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(text)) found.push(line);
  }
  return found;
}

describe('thermoloop twin', () => {
  it('says where it listens, and ends in order on SIGTERM', async () => {
    const child = start('--tcp', '0', '--json', '--seed', '3');
    const facts = await ready(child);
    expect(facts).toMatchObject({ ready: true, units: 8, pid: child.pid });
    const { hostname, port } = new URL(facts.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const end = ended(child);
    child.kill('SIGTERM');
    expect(await end).toEqual({ code: 0, words: '' });
    socket.destroy();
  });

  it('is the same device for the same seed, another one without', async () => {
    const uids = await Promise.all(
      [['--seed', '3'], ['--seed', '3'], [], []].map(
        async (seed) => (await ready(start('--tcp', '0', '--json', ...seed))).uid,
      ),
    );
    expect(uids[0]).toBe(uids[1]);
    expect(new Set(uids).size).toBe(3);
  });

  it('is the same device wherever it stands', async () => {
    const [here, there] = await Promise.all(
      [[], ['--ambient', '70.5']].map((flags) =>
        ready(start('--tcp', '0', '--json', '--seed', '3', ...flags)),
      ),
    );
    expect(there.uid).toBe(here.uid);
    expect(there.profile).toEqual(here.profile);
  });

  it('is another device with other dynamics', async () => {
    const cell = ['--dynamics', 'oscillator', '--quality-factor'];
    const uids = await Promise.all(
      [[], [...cell, '1'], [...cell, '2'], [...cell, '2', '--resonance', '1e5']].map(
        async (flags) => (await ready(start('--tcp', '0', '--json', '--seed', '3', ...flags))).uid,
      ),
    );
    expect(new Set(uids).size).toBe(4);
  });

  it('takes its dynamics from the profile, unless it is told', async () => {
    const profile = join(folder, 'cell.json');
    const dynamics = { kind: 'oscillator', qualityFactor: 2 };
    await writeFile(profile, JSON.stringify({ version: 1, name: 'cell', dynamics }));
    const start3 = (...flags: string[]) => start('--tcp', '0', '--json', '--seed', '3', ...flags);
    const uids = await Promise.all(
      [[], ['--dynamics', 'oscillator', '--quality-factor', '2'], ['--dynamics', 'overdamped']].map(
        async (flags) => (await ready(start3('--profile', profile, ...flags))).uid,
      ),
    );
    expect(uids[1]).toBe(uids[0]);
    expect(uids[2]).not.toBe(uids[0]);
  });

  it('serves a serial device, and leaves neither link nor socat', async () => {
    const path = join(folder, 'tty');
    const child = start('--pty', path);
    expect(await firstLine(child)).toContain(`ready at serial://${path}`);
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(await processesNaming(`link=${path}`)).toHaveLength(1);
    const end = ended(child);
    child.kill('SIGINT');
    expect((await end).code).toBe(0);
    await expect(lstat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await processesNaming(`link=${path}`)).toEqual([]);
  });

  it('ends with its parent when asked to', async () => {
    const script = `
      const { spawn } = require('node:child_process');
      const flags = ['twin', '--units', '8', '--tcp', '0', '--json', '--exit-with-parent'];
      spawn(process.execPath, [${JSON.stringify(MAIN)}, ...flags], { stdio: ['ignore', 'inherit', 'inherit'] });
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(parent);
    await ready(parent);
    const outputEnds = once(parent.stdout, 'close'); // the twin holds the other end
    parent.kill('SIGKILL');
    await outputEnds;
  });

  it.each<[string, string[], RegExp]>([
    ['an error below -0.5', ['--noise-temperature-error', '-0.6'], /from -0\.5 to 1/],
    ['an error above 1', ['--noise-temperature-error', '1.1'], /from -0\.5 to 1/],
    ['an error that is no number', ['--noise-temperature-error', 'hot'], /from -0\.5 to 1/],
    ['no units', ['--units', '0'], /whole number from 1/],
    ['three threads', ['--threads', '3'], /from 1 to 2/],
    ['a port that is none', ['--tcp', '127.0.0.1:99999'], /HOST:PORT/],
    ['a negative seed', ['--seed', '-1'], /below 2\^64/],
    ['a cell without its Q', ['--dynamics', 'oscillator'], /needs its quality factor/],
    ['a Q of overdamped units', ['--quality-factor', '1'], /belong to oscillator cells/],
    ['a Q of 0', ['--dynamics', 'oscillator', '--quality-factor', '0'], /from 0\.001 to 1000/],
    ['surroundings colder than any sensor', ['--ambient', '-60'], /from -55 to 250/],
    ['surroundings without a number', ['--ambient', 'warm'], /from -55 to 250/],
    ['a control channel for other machines', ['--control', '0.0.0.0:0'], /loopback addresses only/],
    ['a speed of 0', ['--speed', '0'], /Expected max, or a number/],
    ['another speed without the control channel', ['--speed', '100'], /Add --control 127\.0\.0\.1:7701/],
    ['two ports at once', ['--tcp', '0', '--pty', '/tmp/x'], /exclude each other/],
  ])('refuses %s', async (_, flags, reason) => {
    const { code, words } = await ended(start(...flags));
    expect(code).toBe(1);
    expect(words).toMatch(reason);
  });

  it('names the port that is taken, and what to do', async () => {
    const { url } = await ready(start('--tcp', '0', '--json'));
    const { code, words } = await ended(start('--tcp', url.replace('tcp://', '')));
    expect(code).toBe(1);
    expect(words).toMatch(/already in use\nChoose another port/);
  });
});

describe('the control channel', () => {
  it('is named in the line of readiness, and says what the twin is', async () => {
    const child = start('--tcp', '0', '--control', '127.0.0.1:0', '--json', '--profile', 'worn');
    const { uid, control, profile } = await ready(child);
    const [host, port] = control.split(':');
    const socket = connect(Number(port), host);
    socket.write('{"jsonrpc":"2.0","id":"a","method":"twin.describe"}\n');
    const [line] = (await once(createInterface(socket), 'line')) as [string];
    expect(JSON.parse(line)).toEqual({
      jsonrpc: '2.0',
      id: 'a',
      result: { uid, simulated: true, units: 8, profile, speed: 1, faultsActive: [] },
    });
    const end = ended(child);
    child.kill('SIGTERM');
    expect(await end).toEqual({ code: 0, words: '' });
  });
});

describe('the profile', () => {
  it('is named in the line of readiness, and makes another device of the same seed', async () => {
    const seen = new Map<string, Ready>();
    for (const name of ['ideal', 'typical', 'worn']) {
      const child = start('--tcp', '0', '--json', '--seed', '7', '--profile', name);
      const line = await ready(child);
      expect(line.profile.name).toBe(name);
      expect(line.profile.digest).toMatch(/^[0-9a-f]{64}$/);
      seen.set(line.uid, line);
    }
    expect(seen.size).toBe(3);
  });

  it('is refused with the place and the remedy', async () => {
    const unknown = await ended(start('--profile', 'typcal'));
    expect(unknown.code).toBe(2);
    expect(unknown.words).toMatch(/no chip profile "typcal"[\s\S]*Shipped are ideal, typical, hot, worn/);
    const path = join(folder, 'bad.json');
    await writeFile(path, '{"version": 1, "name": "bad", "readout": {"gain": {"spread_ratio": 9}}}');
    const bad = await ended(start('--profile', path));
    expect(bad.code).toBe(2);
    expect(bad.words).toMatch(/readout\.gain\.spread_ratio/);
  });
});
