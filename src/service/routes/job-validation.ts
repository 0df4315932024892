// The dry run: what would become of a job. It asks what a submission asks, and keeps nothing.
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { lineRate_Bps, type TelemetryMetric } from '../../device/index.ts';
import type { DryRun, RelaxJobRequest } from '../../jobs/index.ts';
import type { Identity, ServiceDevice } from '../context.ts';
import { checkEnergyBudget, checkQueuedJobs } from '../job-limits.ts';
import { caller } from '../plugins/authentication.ts';
import { nameDevice } from '../plugins/device-headers.ts';
import { ProblemError } from '../problems/problem.ts';
import { checkStorageQuota, samplesBytes } from '../quota.ts';
import { guardProblems, problemContent, toTime } from '../schemas/common.ts';
import { dryRunView, jobToValidate, jobValidation } from '../schemas/job-validation.ts';
import { jobSubmission } from '../schemas/jobs.ts';
import type { RouteContext } from './common.ts';
import { mayUseDevice } from './device-use.ts';
import { clientId, mayRecalibrate, mayUsePriority, priorityFor } from './job-access.ts';
import { documentOf, malformed, problemOfJob } from './job-problems.ts';

type Validation = z.infer<typeof jobValidation>;
type Submission = z.infer<typeof jobSubmission>;

/** Rails whose power is measured: volts and amperes. */
const RAILS: readonly (readonly [TelemetryMetric, TelemetryMetric])[] = [
  ['coreVoltage_V', 'coreCurrent_A'],
  ['ioVoltage_V', 'ioCurrent_A'],
];

export function jobValidationRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const { runner, devices } = context;
  return async (app) => {
    app.post(
      '/v1/jobs/validate',
      {
        schema: {
          tags: ['jobs'],
          summary: 'What would become of a job: a dry run that queues nothing',
          description:
            'Asks all that POST /v1/jobs asks and answers 200 with every problem, also of what is no job at all; then ' +
            'rounding error, device time, bytes on the line, place in the queue, holds and energy, as far as they are known.',
          body: jobToValidate,
          response: {
            200: jobValidation,
            503: problemContent('service-stopping'),
            ...guardProblems,
          },
        },
      },
      async (request, reply) => {
        const parsed = jobSubmission.safeParse(request.body);
        if (!parsed.success) return noJob(malformed(parsed.error.issues), request);
        const identity = caller(request);
        const { id, ...rest } = parsed.data;
        const submission = { ...rest, priority: priorityFor(identity, rest.priority) };
        const device = devices.get(submission.device.id);
        nameDevice(reply, submission.device.id, device?.backend ?? null);
        const ofKey = await flawsOfKey(context, identity, { id, ...submission });
        const run = await runner.dryRun(submission satisfies RelaxJobRequest, { keyId: identity.keyId });
        const ofLimits = await flawsOfQueue(context, identity, parsed.data);
        // What a submission says without a place is about the device: it is away, or stopped.
        const flaws = [...ofKey, ...run.flaws, ...ofLimits].map((flaw) =>
          placed(problemOfJob(flaw, request), '/device/id'),
        );
        // Who may use a device is asked of one that is there, and so is what it can do.
        const known = flaws.filter(
          ({ code }, k) => code !== 'unknown-device' || flaws.findIndex((flaw) => flaw.code === code) === k,
        );
        return {
          ok: known.length === 0,
          problems: known.map((flaw) => documentOf(flaw, request) as Validation['problems'][number]),
          ...dryRunView(run),
          backend: device?.backend ?? null,
          line: lineOf(device, run),
          energy: energyOf(device, run),
        };
      },
    );
  };
}

/** What is decided about a key before the job is looked at. */
async function flawsOfKey(
  context: RouteContext,
  identity: Identity,
  job: Submission & { priority: NonNullable<Submission['priority']> },
): Promise<Error[]> {
  const { store } = context;
  const flaws = new Flaws();
  await flaws.of('/device/id', () => mayUseDevice(context, identity, job.device.id));
  await flaws.of('/priority', () => mayUsePriority(identity, job.priority));
  await flaws.of('/onUnmet', () => mayRecalibrate(identity, job.onUnmet));
  const { id } = job;
  if (id !== undefined) await flaws.of('/id', () => clientId(context, id));
  await flaws.of('/samples', async () => {
    if (identity.limits.storageBytesMax === null) return;
    const units = (await store.models.find(job.model))?.units ?? 0;
    await checkStorageQuota(store, identity, samplesBytes(job, units));
  });
  return flaws.found;
}

/** What is decided when the job is written. */
async function flawsOfQueue(
  { store, clock }: RouteContext,
  identity: Identity,
  { id, onUnmet }: Submission,
): Promise<Error[]> {
  const flaws = new Flaws();
  if (id !== undefined && (await store.jobs.find(id)) !== null)
    flaws.found.push(placed(new ProblemError('state-conflict', `there is a job ${id} already`), '/id'));
  await flaws.of('', () => checkQueuedJobs(store, identity, 1));
  if ((onUnmet ?? 'reject') === 'reject')
    await flaws.of('', () => checkEnergyBudget(store, identity, clock.wall_ms()));
  return flaws.found;
}

/** Refusals, each with a place in the job. */
class Flaws {
  readonly found: Error[] = [];

  /** @param pointer where it is wrong, unless the refusal says that itself */
  async of(pointer: string, check: () => void | Promise<void>): Promise<void> {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      this.found.push(placed(error, pointer));
    }
  }
}

/** The problem with a place in the job, where it names none itself. */
function placed(problem: ProblemError, pointer: string): ProblemError {
  const { code, message, extras } = problem;
  if (extras.errors !== undefined) return problem;
  const errors = [{ pointer, detail: message }];
  return new ProblemError(code, message, { ...extras, errors, cause: problem });
}

/** Nothing can be said of it but that. */
function noJob(flaw: ProblemError, request: FastifyRequest): Validation {
  return {
    ok: false,
    problems: [documentOf(flaw, request) as Validation['problems'][number]],
    request: null,
    device: null,
    backend: null,
    rounding: null,
    schedule: null,
    upload: null,
    uploadReason: NO_JOB,
    line: { rate_Bps: null, upload_s: null, samples_s: null },
    queue: null,
    holds: [],
    energy: unknownEnergy(NO_JOB),
  };
}

const NO_JOB = 'the body is no job';

function lineOf(device: ServiceDevice | undefined, { upload, schedule }: DryRun): Validation['line'] {
  const rate_Bps = device === undefined ? null : lineRate_Bps(device.url);
  const time_s = (bytes: number | undefined): number | null =>
    bytes === undefined || rate_Bps === null ? null : bytes / rate_Bps;
  return { rate_Bps, upload_s: time_s(upload?.bytes), samples_s: time_s(schedule?.sampleBytes) };
}

/** At the power that the sensors measure now: what the run itself draws is known when it has run. */
function energyOf(device: ServiceDevice | undefined, { schedule }: DryRun): Validation['energy'] {
  if (device === undefined) return unknownEnergy('there is no such device');
  const { latest, reason } = device.telemetry.status;
  if (reason !== null || latest === null)
    return unknownEnergy(reason?.message ?? 'its sensors have said nothing yet');
  const watts = RAILS.flatMap(([volts, amperes]) => {
    const [V, A] = [latest.values[volts] ?? null, latest.values[amperes] ?? null];
    return V === null || A === null ? [] : [V * A];
  });
  if (watts.length === 0) return unknownEnergy('it has no sensors of voltage and current');
  const power_W = watts.reduce((sum, one_W) => sum + one_W, 0);
  return {
    run_J: schedule === null ? null : power_W * schedule.total_s,
    power_W,
    measuredAt: toTime(latest.at_ms),
    reason: schedule === null ? 'how long the device would be busy is not known' : null,
  };
}

function unknownEnergy(reason: string): Validation['energy'] {
  return { run_J: null, power_W: null, measuredAt: null, reason };
}
