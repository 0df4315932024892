// `thermoloop sample`: uploads a model, has it sampled, shows how far it is, and downloads what came out.
import { InvalidArgumentError, type Command } from 'commander';
import { writeFile } from 'node:fs/promises';
import { succeeded, type Job, type JobSubmission, type ThermoloopClient } from '../client/index.ts';
import { formatOf, jobFacts } from './jobs.ts';
import { uploadFile } from './models.ts';
import {
  Exit,
  Interrupted,
  remote,
  UsageError,
  withService,
  type ConnectionFlags,
  type Remote,
} from './remote/connection.ts';
import { follow } from './remote/follow.ts';
import { validationFacts } from './sample-dry-run.ts';
import { collectRequirement, type Require } from './remote/require-flag.ts';

const examples = `
  thermoloop sample digits.npz --device chip-0 --count 200 --duration 2.5e-6 -o samples.npz
  thermoloop sample sha256:9f... --device chip-0 --count 1000 --duration 2.5e-6 --read-at 1e-6 --read-at 2.5e-6 --heat -o s.parquet
  thermoloop sample digits.npz --device chip-0 --count 200 --duration 2.5e-6 --dry-run
  thermoloop sample digits.npz --device chip-0 --count 5000 --target-ess 300 --duration 2.5e-6 -o samples.npz
  thermoloop sample sha256:9f... --device chip-0 --count 200 --duration 2.5e-6 --require noiseTemperature=0.98..1.02 --on-unmet recalibrate -o s.npz
  thermoloop sample pair.json --device chip-0 --count 10 --duration 2.5e-6 --seed 7 --label run=A17 -o s.csv --json
  thermoloop sample pair.json --device chip-0 --count 1600 --duration 2.5e-6 --dither 16 --clock-scale 2 -o s.npz`;

interface SampleFlags extends ConnectionFlags {
  device: string;
  count: number;
  targetEss?: number;
  duration: number;
  readAt?: number[];
  temperature?: number;
  seed?: string;
  dither?: number;
  clockScale?: number;
  heat?: boolean;
  priority?: string;
  require?: Require;
  onUnmet?: string;
  deadline?: string;
  label?: Record<string, string>;
  dryRun?: boolean;
  output?: string;
}

/** Registers the subcommand. */
export function registerSample(program: Command): void {
  remote(
    program
      .command('sample <model>')
      .description('Draw samples of a model, a file or a digest, and download them. Ctrl-C cancels the job.'),
    examples,
  )
    .requiredOption('--device <id>', 'the device that draws them')
    .requiredOption('--count <n>', 'how many', wholeNumber)
    .option(
      '--target-ess <n>',
      'stop as soon as so many are effectively independent; --count is then the most',
      amount,
    )
    .requiredOption('--duration <s>', 'coupled time of each, in device seconds', seconds)
    .option('--read-at <s>', 'when to read, as often as wanted (at the end)', collectSeconds)
    .option('--temperature <ratio>', 'noise temperature over that of the model', seconds)
    .option('--seed <n>', 'on a twin: the same seed, the same samples')
    .option(
      '--dither <k>',
      'stochastic roundings of the couplings that share the samples, 2 to 64',
      wholeNumber,
    )
    .option(
      '--clock-scale <ratio>',
      'energies and noise raised together: the same program, so much faster',
      ratio,
    )
    .option('--heat', 'record the heat of every sample')
    .option('--priority <name>', 'such as low, normal or interactive')
    .option(
      '--require <name=value>',
      'of the device, as often as wanted: noiseTemperature=0.98..1.02',
      collectRequirement,
    )
    .option('--on-unmet <what>', 'reject (unless told), wait, or recalibrate first and then wait')
    .option('--deadline <time>', 'not started after it, such as 2030-01-01T12:00:00Z')
    .option('--label <name=value>', 'for you alone, as often as wanted', collectLabel)
    .option('--dry-run', 'only say what would become of it; a model file is uploaded, nothing is queued')
    .option('-o, --output <file>', 'samples: .npz, .npy, .csv, .arrow, .parquet, .json or .raw')
    .action(sample);
}

async function sample(model: string, flags: SampleFlags): Promise<void> {
  if (flags.dryRun === true) return validate(model, flags);
  const output = outputOf(flags);
  const format = formatOf(output);
  await withService(flags, async (service) => {
    const { client, progress, print } = service;
    const digest = await digestOf(model, service);
    const job = await submitted(digest, flags, service);
    const download = progress.step('download');
    const path = `/v1/jobs/${job.id}/samples?format=${format}`;
    const bytes = await client.download(path, '*/*', service.signal);
    await writeFile(output, bytes);
    download.end(`${output}, ${(bytes.length / 1e6).toFixed(1)} MB`);
    print({ job, file: output, bytes: bytes.length }, () => jobFacts(job));
  });
}

/** Exits with `refused` when the job would be. */
async function validate(model: string, flags: SampleFlags): Promise<void> {
  await withService(flags, async (service) => {
    const body = submission(await digestOf(model, service), flags);
    const answer = await service.client.validateJob(body);
    service.print(answer, () => validationFacts(answer));
    if (!answer.ok) process.exitCode = Exit.refused;
  });
}

/** @throws {UsageError} */
function outputOf({ output }: SampleFlags): string {
  if (output !== undefined) return output;
  throw new UsageError(
    'nobody knows where the samples are to go',
    'Name a file with -o, or say --dry-run to draw none.',
  );
}

async function digestOf(model: string, service: Remote): Promise<string> {
  return model.startsWith('sha256:') ? model : upload(model, service);
}

async function upload(file: string, { client, progress }: Remote): Promise<string> {
  const step = progress.step('model');
  const digest = await uploadFile(client, file);
  step.end(digest.slice(0, 23));
  return digest;
}

async function submitted(
  model: string,
  flags: SampleFlags,
  { client, progress, signal }: Remote,
): Promise<Job> {
  const step = progress.step('sample');
  const { id } = await client.submitJob(submission(model, flags));
  const ended = await client.waitForJob(id, { ...follow(step), signal }).catch(async (error: unknown) => {
    if (!signal.aborted) throw error;
    throw await cancelled(client, id);
  });
  step.end(ended.state);
  return succeeded(ended, 'job');
}

/** What Ctrl-C leaves behind: nothing, and it says so. */
async function cancelled(client: ThermoloopClient, id: string): Promise<Interrupted> {
  try {
    const { state } = await client.cancelJob(id);
    return new Interrupted(
      `interrupted: the job ${id} is ${state === 'cancelled' ? 'cancelled' : 'stopping'}`,
    );
  } catch (error) {
    const { message } = error as Error;
    return new Interrupted(
      `interrupted, but the job ${id} could not be cancelled: ${message}`,
      `thermoloop jobs cancel ${id}`,
    );
  }
}

function submission(model: string, flags: SampleFlags): JobSubmission {
  const { device, count, targetEss, duration, readAt, temperature, seed, heat, priority, label } = flags;
  const { dither, clockScale } = flags;
  const { require, onUnmet, deadline } = flags;
  return {
    model,
    device: { id: device },
    relax: { duration_s: duration, readAt_s: readAt },
    samples: { count, targetEss },
    noiseTemperature: temperature,
    seed,
    record: heat === true ? { heat } : undefined,
    mitigation: dither === undefined ? undefined : { dither },
    clock: clockScale === undefined ? undefined : { scale: clockScale },
    priority: priority as JobSubmission['priority'],
    require,
    onUnmet: onUnmet as JobSubmission['onUnmet'],
    deadline,
    labels: label,
  };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 up.');
  return value;
}

function amount(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 1) || value === Infinity)
    throw new InvalidArgumentError('a number from 1 up.');
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0) || value === Infinity)
    throw new InvalidArgumentError('a number above 0, such as 2.5e-6.');
  return value;
}

function ratio(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0) || value === Infinity)
    throw new InvalidArgumentError('a number above 0, such as 4.');
  return value;
}

const collectSeconds = (text: string, before: number[] = []): number[] => [...before, seconds(text)];

function collectLabel(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [name, ...value] = text.split('=');
  if (name === '' || value.length === 0) throw new InvalidArgumentError('name=value.');
  return { ...before, [name]: value.join('=') };
}
