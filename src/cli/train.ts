// `thermoloop train`: couplings from pictures, in closed form, written as a model file that the service accepts.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { writeFile } from 'node:fs/promises';
import { encodeModelJson, encodeModelNpz } from '../physics/index.ts';
import { trainInWorker, type TrainingOptions, type TrainingResult } from '../training/index.ts';
import { createProgress } from './progress.ts';

interface Flags {
  data: 'digits' | 'glyphs';
  architecture: 'visible' | 'paper';
  ridge: number;
  tolerance: number;
  out?: string;
  json?: boolean;
}

const examples = `
Examples:
  thermoloop train                                     784 units on the digits 0, 1, 2 -> digits-visible.npz
  thermoloop train --data glyphs --out glyphs.json     64 units on three small glyphs, as JSON
  thermoloop train --architecture paper --ridge 0.02   784 visible and 512 hidden units
`;

/** Registers the subcommand. */
export function registerTrain(program: Command): void {
  program
    .command('train')
    .description('Find the couplings that turn thermal noise into pictures.')
    .addOption(
      new Option('--data <set>', 'pictures to learn').choices(['digits', 'glyphs']).default('digits'),
    )
    .addOption(
      new Option('--architecture <name>', 'all pixels coupled, or the paper’s hidden layer')
        .choices(['visible', 'paper'])
        .default('visible'),
    )
    .option('--ridge <rho>', 'penalty rho |J|^2', notNegative, 0)
    .option('--tolerance <residual>', 'relative residual at which the solve stops', positive, 1e-6)
    .option('--out <file>', 'model file, .npz or .json (default: DATA-ARCHITECTURE.npz)')
    .option('--json', 'print the report as JSON and no progress')
    .addHelpText('after', examples)
    .action(train);
}

async function train(flags: Flags): Promise<void> {
  const out = flags.out ?? `${flags.data}-${flags.architecture}.npz`;
  if (!/\.(npz|json)$/.test(out))
    throw Object.assign(new Error(`${out}: a model file ends in .npz or .json`), {
      remedy: 'Choose a name such as --out model.npz.',
    });
  const options: TrainingOptions = {
    data: flags.data,
    architecture: flags.architecture,
    ridge: flags.ridge,
    tolerance: flags.tolerance,
  };
  const progress = createProgress({ silent: flags.json === true });
  const started_ms = performance.now();
  let result: TrainingResult;
  try {
    const step = progress.step('training');
    result = await trainInWorker(options, ({ share }) => step.update(share, 1));
    step.end(`${result.metadata.solverIterations} iterations`);
  } finally {
    progress.close();
  }
  const duration_s = (performance.now() - started_ms) / 1000;
  await writeFile(out, out.endsWith('.npz') ? encodeModelNpz(result) : encodeModelJson(result));
  const report = reportOf(result, duration_s, out);
  process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : table(report));
  if (flags.json !== true)
    for (const warning of report.warnings) process.stderr.write(`warning: ${warning}\n`);
}

/** What the command tells, also with --json; energies in E0. */
interface Report {
  file: string;
  units: number;
  couplings: number;
  train_s: number;
  iterations: number;
  residual: number;
  eigenvalues_E0: number[];
  stability_E0: number;
  couplingRms_E0: number;
  couplingMax_E0: number;
  excessLossPerStep: number;
  metadata: TrainingResult['metadata'];
  warnings: string[];
}

function reportOf(result: TrainingResult, duration_s: number, file: string): Report {
  return {
    file,
    units: result.model.units,
    couplings: result.coupling.bonds,
    train_s: duration_s,
    iterations: result.metadata.solverIterations,
    residual: result.metadata.solverResidual,
    eigenvalues_E0: result.eigenvalues_E0,
    stability_E0: result.stability_E0,
    couplingRms_E0: result.coupling.rms_E0,
    couplingMax_E0: result.coupling.max_E0,
    excessLossPerStep: result.excessLossPerStep,
    metadata: result.metadata,
    warnings: result.warnings,
  };
}

function table(report: Report): string {
  const pictures = report.metadata.labels.length;
  const values = report.eigenvalues_E0.map((v) => v.toFixed(2));
  const rows: [string, string][] = [
    ['model file', report.file],
    ['units', `${report.units} (${report.metadata.visibleUnits} visible), ${report.couplings} couplings`],
    ['time', `${report.train_s.toFixed(1)} s, ${report.iterations} iterations`],
    ['residual', report.residual.toExponential(1)],
    ['eigenvalues', `${values.slice(0, pictures).join(', ')} E0, one per picture`],
    ['worst other', `${values[pictures] ?? 'none'} E0 (grows below -${report.stability_E0.toFixed(2)})`],
    ['|J|', `rms ${report.couplingRms_E0.toFixed(4)}, largest ${report.couplingMax_E0.toFixed(4)} E0`],
    ['loss', `${report.excessLossPerStep.toFixed(3)} per step against no couplings`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(12)} ${value}\n`).join('');
}

function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('a number of 0 or more.');
  return value;
}

function positive(text: string): number {
  const value = notNegative(text);
  if (value === 0 || value >= 1) throw new InvalidArgumentError('a number between 0 and 1.');
  return value;
}
