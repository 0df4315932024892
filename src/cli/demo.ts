// `thermoloop demo`: the whole loop on one machine, from training to digits, through the same doors a user has.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { encodeModelNpz } from '../physics/index.ts';
import { trainInWorker, type TrainingResult } from '../training/index.ts';
import { ThermoloopClient } from '../client/index.ts';
import { registerDriftDemo } from './demo/drift.ts';
import { startBackend, transports, type TransportName } from './demo/backend.ts';
import { runLoop } from './demo/loop.ts';
import { summarise, table, writeResults } from './demo/report.ts';
import { createProgress, type Progress } from './progress.ts';

/** t_f of the paper in reduced time; in seconds it is this times the device's time unit. */
const DURATION = 2.5;
/** Restarts of the uncoupled hold: one part in a thousand for the common noise temperature at 784 units. */
const HOLDS = 200;
const SAMPLES = 200;

interface DemoOptions {
  out: string;
  seed: number;
  transport?: TransportName;
  threads: number;
  device?: string;
  json?: boolean;
}

const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('must be a whole number, 0 or more');
  return value;
};

export function registerDemo(program: Command): void {
  const command = program
    .command('demo')
    .description(
      'Train on three digits, program a simulated chip over REST and a serial link, and show what it dreams up.',
    )
    .option(
      '--out <dir>',
      'folder for samples.png, samples.npz, calibration.json and summary.json',
      'demo-out',
    )
    .option(
      '--seed <n>',
      'seed of the twin; the same seed gives the same samples on every transport',
      wholeNumber,
      7,
    )
    .addOption(
      new Option(
        '--transport <name>',
        'how the service reaches the twin (default: pty where socat exists, else tcp)',
      ).choices(transports),
    )
    .addOption(
      new Option('--threads <n>', 'kernel threads of the twin')
        .choices(['1', '2'])
        .argParser(Number)
        .default(2),
    )
    .option(
      '--device <url>',
      'use this device instead of a twin of our own, for example serial:///dev/ttyACM0',
    )
    .option('--json', 'print the summary as JSON and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  thermoloop demo
  thermoloop demo --transport tcp --seed 11 --out /tmp/digits
  thermoloop demo --device tcp://127.0.0.1:7700 --json
  thermoloop demo drift                        a coupling moves while jobs run, and the service names it`,
    )
    .action((options: DemoOptions, self: Command) => demo(options, self.parent?.version() ?? ''));
  registerDriftDemo(command);
}

async function demo(options: DemoOptions, version: string): Promise<void> {
  const started = performance.now();
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error('interrupted'));
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const progress = createProgress({ silent: options.json });
  const work = mkdtempSync(join(tmpdir(), 'thermoloop-demo-'));
  const cleanups: (() => Promise<void>)[] = [];
  try {
    const backend = await startBackend({
      ...options,
      version,
      folder: work,
      signal: stop.signal,
      onStarted: (end) => cleanups.unshift(end),
    });
    progress.note(`twin and service are up: ${backend.description}`);
    const { trained, train_s } = await train(progress, stop.signal);
    const client = new ThermoloopClient({ baseUrl: backend.url, key: backend.key, signal: stop.signal });
    const params = { path: { id: backend.deviceId } };
    const device = await client.get('/v1/devices/{id}', { params });
    const capabilities = await client.get('/v1/devices/{id}/capabilities', { params });
    const loop = await runLoop(
      client,
      {
        deviceId: backend.deviceId,
        model: encodeModelNpz(trained),
        samples: SAMPLES,
        holds: HOLDS,
        units: trained.model.units,
        duration_s: DURATION * capabilities.timeUnit_s,
        seed: capabilities.seed ? options.seed : null,
      },
      progress,
    );
    progress.close();
    const { summary, scored, heat_kT } = summarise(loop, trained.prototypes, {
      transport: backend.transport,
      backend: String(device.backend),
      seed: capabilities.seed ? options.seed : null,
      train_s,
      total_s: (performance.now() - started) / 1000,
    });
    const folder = resolve(options.out);
    writeResults(folder, loop, scored, trained.prototypes, summary);
    process.stdout.write(
      options.json ? `${JSON.stringify(summary)}\n` : `\n${table(summary, scored, heat_kT, options.out)}\n`,
    );
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    progress.close();
    for (const end of cleanups) await end();
    rmSync(work, { recursive: true, force: true });
    process.removeListener('SIGINT', onSignal).removeListener('SIGTERM', onSignal);
  }
}

async function train(
  progress: Progress,
  signal: AbortSignal,
): Promise<{ trained: TrainingResult; train_s: number }> {
  const step = progress.step('train');
  const start = performance.now();
  const trained = await trainInWorker({}, ({ share }) => step.update(share, 1), signal);
  const train_s = (performance.now() - start) / 1000;
  const [first, , last] = trained.eigenvalues_E0;
  step.end(`${trained.coupling.bonds} couplings, eigenvalues ${first.toFixed(2)} .. ${last.toFixed(2)}`);
  return { trained, train_s };
}
