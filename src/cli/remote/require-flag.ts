// What a job requires, as flags: --require noiseTemperature=0.98..1.02 --require maxDieTemperature_C=55, by the names of the
// API.
import { InvalidArgumentError } from 'commander';
import type { JobSubmission } from '../../client/index.ts';

export type Require = NonNullable<JobSubmission['require']>;

const WORDS = {
  noiseTemperature: 'lowest and highest, such as 0.98..1.02',
  maxCalibrationAge_s: 'seconds, such as 7200',
  maxDieTemperature_C: 'degrees, such as 55',
  maxCouplingDrift_ratio: 'a share of full scale, such as 0.04',
} satisfies Record<keyof Require, string>;

/** Collects requirements, each once. @throws {InvalidArgumentError} */
export function collectRequirement(text: string, before: Require = {}): Require {
  const [name, ...rest] = text.split('=');
  const value = rest.join('=');
  if (!isRequirement(name))
    throw new InvalidArgumentError(`${JSON.stringify(name)} is none of ${Object.keys(WORDS).join(', ')}.`);
  if (before[name] !== undefined) throw new InvalidArgumentError(`${name} is there already.`);
  const wrong = new InvalidArgumentError(`${name}=${WORDS[name]}.`);
  if (name !== 'noiseTemperature') return { ...before, [name]: numberOf(value, wrong) };
  const [lowest, highest, ...more] = value.split('..');
  if (highest === undefined || more.length > 0) throw wrong;
  return { ...before, noiseTemperature: [numberOf(lowest, wrong), numberOf(highest, wrong)] };
}

const isRequirement = (name: string): name is keyof Require => Object.hasOwn(WORDS, name);

function numberOf(text: string, wrong: Error): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw wrong;
  return value;
}
