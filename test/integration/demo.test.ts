// The demo as a user runs it: real processes, the loop over REST, the figures of the method, the same bytes on every way
// to the twin, and nothing left running.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PNG } from 'pngjs';
import { afterAll, describe, expect, it } from 'vitest';
import type { Summary } from '../../src/cli/demo/report.ts';
import { hasSocat, scratch } from '../support/processes.ts';

const folder = scratch();
afterAll(() => folder.close());
const exec = promisify(execFile);

async function demo(
  name: string,
  words: string[],
): Promise<{ summary: Summary; out: string; digest: string }> {
  const out = join(folder.path, name);
  const args = ['bin/thermoloop.js', 'demo', '--seed', '7', '--json', '--out', out, ...words];
  const { stdout } = await exec(process.execPath, args);
  const digest = createHash('sha256')
    .update(readFileSync(join(out, 'samples.npz')))
    .digest('hex');
  return { summary: JSON.parse(stdout) as Summary, out, digest };
}

const first = demo('tcp', ['--transport', 'tcp', '--threads', '2']);

describe('thermoloop demo', () => {
  it('turns noise into digits, with the heat and the noise temperature of the reference', async () => {
    const { summary, out } = await first;
    expect(summary).toMatchObject({ units: 784, samples: 200, transport: 'tcp', backend: 'twin' });
    expect(summary.bestPrototypeCorrelation).toBeGreaterThanOrEqual(0.79);
    expect(summary.fractionAbove08).toBeGreaterThanOrEqual(0.6);
    expect(Math.abs(summary.heat_kT.mean / 1066 - 1)).toBeLessThan(0.15);
    expect(summary.noiseTemperature_stderr).toBeLessThan(0.003);
    expect(Math.abs(summary.noiseTemperature_ratio - 1)).toBeLessThan(4 * summary.noiseTemperature_stderr);
    for (const time of ['train_s', 'upload_s', 'relax_s'] as const) expect(summary[time]).toBeGreaterThan(0);
    expect(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))).toEqual(summary);
    const sheet = PNG.sync.read(readFileSync(join(out, 'samples.png')));
    expect(sheet.width).toBeGreaterThan(1000);
    const calibration = JSON.parse(readFileSync(join(out, 'calibration.json'), 'utf8')) as { state: string };
    expect(calibration.state).toBe('succeeded');
  });

  it('gives the same samples.npz in one process over memory, with one kernel thread', async () => {
    const { digest } = await demo('memory', ['--transport', 'memory', '--threads', '1']);
    expect(digest).toBe((await first).digest);
  });

  const overPty = async (): Promise<void> => {
    const { digest, summary } = await demo('pty', ['--transport', 'pty']);
    expect(summary.transport).toBe('pty');
    expect(digest).toBe((await first).digest);
  };
  if (hasSocat) it('gives the same samples.npz through a serial port', overPty);
  else it.skip('gives the same samples.npz through a serial port (skipped: socat is not installed)', overPty);

  it('leaves nothing running after Ctrl-C', async () => {
    const child = spawn(process.execPath, [
      'bin/thermoloop.js',
      'demo',
      '--transport',
      hasSocat ? 'pty' : 'tcp',
      '--out',
      join(folder.path, 'x'),
    ]);
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await new Promise<void>((resolve) =>
      child.stderr.on('data', (text: Buffer) => /are up/.test(text.toString()) && resolve()),
    );
    const before = descendants(child.pid ?? 0);
    expect(before.length).toBeGreaterThanOrEqual(2);
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(before.filter(isAlive)).toEqual([]);
  });
});

/** All processes below one, by the process table. */
function descendants(root: number): number[] {
  const rows = spawnSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).stdout.trim().split('\n');
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    pairs.filter(([, p]) => p === parent).flatMap(([pid]) => [pid, ...below(pid)]);
  return below(root);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
