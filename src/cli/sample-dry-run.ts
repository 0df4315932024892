// `thermoloop sample --dry-run`: what would become of the job, for a person.
import type { JobValidation } from '../client/index.ts';
import { facts, spoken } from './remote/text.ts';

/** Everything that is known; what is not is left out, or says why. */
export function validationFacts(answer: JobValidation): string {
  const { schedule, upload, queue, energy, line, holds } = answer;
  return [
    answer.ok ? 'the job would be taken' : 'the job would be refused:',
    ...answer.problems.map(problemLine),
    facts([
      ['device', answer.device && `${answer.device}${answer.backend === null ? '' : ` (${answer.backend})`}`],
      ...roundingFacts(answer),
      ['schedule', schedule && `${schedule.samples} x ${seconds(schedule.perSample_s)} of device time`],
      ['upload', upload === null ? answer.uploadReason : uploadText(upload, line.upload_s)],
      ['samples', schedule && `${bytes(schedule.sampleBytes)} on the line${atLeast(line.samples_s)}`],
      ['before it', queue && queueText(queue)],
      ['its turn', queue && turnText(queue)],
      ['takes', queue && takesText(queue)],
      ['held', holds.length === 0 ? null : holds.map(({ detail }) => detail).join('; ')],
      [
        'energy',
        energy.run_J === null
          ? energy.reason
          : `${Number(energy.run_J.toPrecision(3))} J at the power of now`,
      ],
    ]),
  ].join('\n');
}

function problemLine({ code, detail, errors, remedy }: JobValidation['problems'][number]): string {
  const [{ pointer = '' } = {}] = errors ?? [];
  return `  ${code}${pointer === '' ? '' : ` at ${pointer}`}: ${detail}\n    ${remedy}`;
}

type Rounding = NonNullable<JobValidation['rounding']>;
const BLOCKS: readonly (readonly [keyof Rounding, string])[] = [
  ['coupling', 'couplings'],
  ['bias', 'biases'],
  ['j2', 'J2'],
  ['j4', 'J4'],
  ['noiseTemperature', 'kT'],
];

function roundingFacts({ rounding }: JobValidation): (readonly [string, string])[] {
  if (rounding === null) return [];
  return BLOCKS.map(([name, title]) => {
    const { error, beyond, limit_E0, lost } = rounding[name];
    if (error === null) return [title, `${beyond} beyond ${limit_E0?.toPrecision(3)} E0`] as const;
    const { rms_E0, rms_ratio, max_E0, max_ratio, worst } = error;
    const at = worst.length === 0 ? '' : ` at ${worst.join(',')}`;
    const gone = lost === 0 ? '' : `, ${lost} become 0`;
    return [
      title,
      `rms ${rms_E0.toExponential(1)} E0 (${percent(rms_ratio)}), most ${max_E0.toExponential(1)} E0 (${percent(max_ratio)})${at}${gone}`,
    ] as const;
  });
}

function uploadText(
  { sends, bytes: size }: NonNullable<JobValidation['upload']>,
  time_s: number | null,
): string {
  return sends === 'nothing' ? 'nothing: the device has it' : `${sends} of ${bytes(size)}${atLeast(time_s)}`;
}

function queueText({ jobsAhead, calibrationsAhead, running }: NonNullable<JobValidation['queue']>): string {
  const calibrations = calibrationsAhead === 0 ? '' : `, ${calibrationsAhead} calibrations`;
  return `${jobsAhead} jobs${calibrations}${running ? ', one at work' : ''}`;
}

function turnText({ startsIn_s, reason }: NonNullable<JobValidation['queue']>): string | null {
  return startsIn_s === null ? reason : `in ${spoken(startsIn_s)} at the latest`;
}

function takesText({ takes_s }: NonNullable<JobValidation['queue']>): string | null {
  return takes_s === null ? null : `about ${spoken(takes_s)}`;
}

const percent = (ratio: number): string => `${(ratio * 100).toPrecision(2)} %`;
const seconds = (time_s: number): string => `${Number(time_s.toPrecision(3))} s`;
const atLeast = (time_s: number | null): string => (time_s === null ? '' : `, at least ${seconds(time_s)}`);
const bytes = (count: number): string => (count < 10_000 ? `${count} B` : `${(count / 1e3).toFixed(1)} kB`);
