// The demo's figures: the whole loop once per transport, judged against the reference tables of the method.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Summary } from '../../src/cli/demo/report.ts';
import type { BenchContext } from '../bench.ts';
import { figure, type Figure } from '../figure.ts';

export const summary =
  'the whole loop: likeness of the digits, heat, noise temperature, times; same bytes on every transport';

const exec = promisify(execFile);
/** Closed form, 784 visible units, biases: heat and likeness at t_f for the first 0, 1, 2 of the MNIST test set. */
const REFERENCE = { heat_kT: 1064, correlation: 0.825, above08: 0.685 };

async function demo(transport: string, folder: string): Promise<{ summary: Summary; digest: string }> {
  const out = join(folder, transport);
  const args = ['bin/thermoloop.js', 'demo', '--transport', transport, '--out', out, '--seed', '7', '--json'];
  const { stdout } = await exec(process.execPath, args, { maxBuffer: 2 ** 24 });
  const digest = createHash('sha256')
    .update(await readFile(join(out, 'samples.npz')))
    .digest('hex');
  return { summary: JSON.parse(stdout) as Summary, digest };
}

export async function run({ say }: BenchContext): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'thermoloop-bench-'));
  try {
    const results = [];
    for (const transport of ['pty', 'tcp', 'memory']) {
      say(`demo over ${transport} ...`);
      results.push(await demo(transport, folder));
    }
    const { summary: s } = results[0];
    const n = s.samples;
    const proportion = (p: number): number => Math.sqrt((p * (1 - p)) / n);
    return [
      figure('likeness.mean_correlation', s.bestPrototypeCorrelation, '1', {
        n,
        target: { min: 0.79 },
        reference: REFERENCE.correlation,
      }),
      figure('likeness.above_08', s.fractionAbove08, '1', {
        n,
        spread: proportion(s.fractionAbove08),
        target: { min: 0.6 },
        reference: REFERENCE.above08,
      }),
      figure('heat.mean_kT', s.heat_kT.mean, 'kT', {
        n,
        spread: s.heat_kT.sd / Math.sqrt(n),
        target: { min: 0.85 * 1066, max: 1.15 * 1066 },
        reference: REFERENCE.heat_kT,
      }),
      figure('heat.sd_kT', s.heat_kT.sd, 'kT', { n }),
      figure('noise_temperature.ratio', s.noiseTemperature_ratio, '1', {
        spread: s.noiseTemperature_stderr,
        target: { min: 0.99, max: 1.01 },
        reference: 1,
      }),
      ...results.map(({ summary: { transport, total_s } }) =>
        figure(`total_s.${transport}`, total_s, 's', { target: { max: 180 } }),
      ),
      figure('train_s', s.train_s, 's'),
      figure('upload_s.pty', s.upload_s, 's'),
      figure('relax_s', s.relax_s, 's'),
      figure('transports.distinct_sample_files', new Set(results.map((r) => r.digest)).size, 'files', {
        n: results.length,
        target: { max: 1 },
      }),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
