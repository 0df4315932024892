// `thermoloop jobs`: what was asked of a service, and what became of it.
import { Option, type Command } from 'commander';
import { writeFile } from 'node:fs/promises';
import { succeeded, type Job } from '../client/index.ts';
import { Interrupted, remote, UsageError, withService, type ConnectionFlags } from './remote/connection.ts';
import { follow, reportLine } from './remote/follow.ts';
import { clockTime, columns, facts } from './remote/text.ts';
import { number } from './fault/words.ts';

const examples = `
  thermoloop jobs                                       the last 20
  thermoloop jobs list --state running --device chip-0
  thermoloop jobs show 01JD...
  thermoloop jobs wait 01JD... && thermoloop jobs samples 01JD... -o samples.npz
  thermoloop jobs cancel 01JD...`;

const formats = ['npz', 'npy', 'json', 'csv', 'arrow', 'parquet', 'raw'] as const;

interface ListFlags extends ConnectionFlags {
  state?: string;
  device?: string;
  label?: string;
  limit: number;
}
interface SamplesFlags extends ConnectionFlags {
  output: string;
  format?: (typeof formats)[number];
}

/** Registers the subcommand. */
export function registerJobs(program: Command): void {
  const jobs = program
    .command('jobs')
    .description('List jobs of a running service, wait for them, cancel them.');
  remote(jobs.command('list', { isDefault: true }).description('List jobs, the newest first.'), examples)
    .option('--state <state>', 'only these, such as queued or running')
    .option('--device <id>', 'only of this device')
    .option('--label <name=value>', 'only with this label')
    .option('--limit <n>', 'at most so many', number, 20)
    .action(list);
  remote(jobs.command('show <id>').description('Show a job.'), examples).action(show);
  remote(
    jobs.command('wait <id>').description('Wait until a job has ended; exits with 0 only when it succeeded.'),
    examples,
  ).action(wait);
  remote(jobs.command('cancel <id>').description('Cancel a job, waiting or running.'), examples).action(
    cancel,
  );
  remote(jobs.command('samples <id>').description('Download the samples of a job.'), examples)
    .requiredOption('-o, --output <file>', 'where they go; - is standard output')
    .addOption(new Option('--format <name>', 'instead of what the name of the file says').choices(formats))
    .action(samples);
}

function list({ state, device, label, limit, ...flags }: ListFlags): Promise<void> {
  return withService(flags, async ({ client, print }) => {
    const query = { state: state as Job['state'] | undefined, device, label, limit };
    const answer = await client.get('/v1/jobs', { params: { query } });
    const rows = answer.items.map((job) => [
      job.id,
      job.state,
      job.device,
      job.backend ?? '-',
      clockTime(job.createdAt),
      job.progress ? reportLine(job.progress) : (job.cause ?? job.hold?.reason ?? ''),
    ]);
    print(answer, () =>
      rows.length === 0 ? 'no jobs' : columns(['job', 'state', 'device', 'backend', 'created', ''], rows),
    );
  });
}

function show(id: string, flags: ConnectionFlags): Promise<void> {
  return withService(flags, async ({ client, print }) => {
    const job = await client.job(id);
    print(job, () => jobFacts(job));
  });
}

function wait(id: string, flags: ConnectionFlags): Promise<void> {
  return withService(flags, async ({ client, progress, signal, print }) => {
    const step = progress.step(id.slice(-12));
    const ended = await client.waitForJob(id, { ...follow(step), signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      throw new Interrupted('interrupted: the job goes on', `thermoloop jobs wait ${id}`);
    });
    step.end(ended.state);
    if (ended.state !== 'succeeded') succeeded(ended, 'job');
    print(ended, () => jobFacts(ended));
  });
}

function cancel(id: string, flags: ConnectionFlags): Promise<void> {
  return withService(flags, async ({ client, print }) => {
    const job = await client.cancelJob(id);
    print(job, () => (job.state === 'cancelled' ? `${id} is cancelled` : `${id} is stopping`));
  });
}

function samples(id: string, { output, format, ...flags }: SamplesFlags): Promise<void> {
  return withService(flags, async ({ client, signal, print }) => {
    const name = format ?? formatOf(output);
    const bytes = await client.download(
      `/v1/jobs/${encodeURIComponent(id)}/samples?format=${name}`,
      '*/*',
      signal,
    );
    if (output === '-') return void process.stdout.write(bytes);
    await writeFile(output, bytes);
    print(
      { job: id, file: output, format: name, bytes: bytes.length },
      () => `${output}: ${bytes.length} bytes`,
    );
  });
}

/** The format that the name of a file says. @throws {UsageError} */
export function formatOf(file: string): (typeof formats)[number] {
  if (file === '-') return 'npz';
  const ending = file.split('.').at(-1)?.toLowerCase();
  const format = formats.find((name) => name === ending);
  if (format !== undefined) return format;
  throw new UsageError(
    `nobody knows which format "${file}" is to have`,
    `Give it one of the endings .${formats.join(', .')}, or say --format.`,
  );
}

/** A job for a person. */
export function jobFacts(job: Job): string {
  const { result, failure } = job;
  const heat = result?.heat;
  return facts([
    ['job', job.id],
    ['state', job.cause === null ? job.state : `${job.state} (${job.cause})`],
    ['held', job.hold && `${job.hold.reason}: ${job.hold.detail}`],
    ['why', failure && [failure.message, failure.remedy].filter(Boolean).join(' ')],
    ['progress', job.progress ? reportLine(job.progress) : null],
    ['device', `${job.device}${job.backend === null ? '' : ` (${job.backend})`}`],
    ['model', job.model],
    ['created', clockTime(job.createdAt)],
    ['finished', job.finishedAt && clockTime(job.finishedAt)],
    ['attempts', job.attempts.length > 1 ? String(job.attempts.length) : null],
    ['samples', result && `${result.samples.shape.join(' x ')} (samples, reads, units)`],
    ['stopped', result?.earlyStop ? stopText(result.earlyStop) : null],
    ['heat', heat ? `${heat.mean_kT.toFixed(2)} +- ${heat.stderr_kT.toFixed(2)} kT per sample` : null],
    ['calibration', result?.provenance.calibration ?? null],
    ['labels', labelsOf(job)],
  ]);
}

function stopText({ stoppedBy, targetEss }: NonNullable<NonNullable<Job['result']>['earlyStop']>): string {
  return stoppedBy === 'target'
    ? `early, at an effective sample size of ${targetEss}`
    : `at the most samples, without an effective sample size of ${targetEss}`;
}

function labelsOf({ labels }: Job): string | null {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${String(value)}`);
  return pairs.length === 0 ? null : pairs.join(', ');
}
