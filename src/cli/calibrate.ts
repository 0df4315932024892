// `thermoloop calibrate`: starts a calibration on a device, shows how far it is, and what it found.
import { InvalidArgumentError, type Command } from 'commander';
import { succeeded, type Calibration } from '../client/index.ts';
import { Interrupted, remote, withService, type ConnectionFlags } from './remote/connection.ts';
import { follow } from './remote/follow.ts';
import { facts } from './remote/text.ts';

const examples = `
  thermoloop calibrate chip-0                           the noise temperature
  thermoloop calibrate chip-0 --option holds=400 --option units=64
  thermoloop calibrate chip-0 --kind full               everything, in order
  thermoloop calibrate chip-0 --kind full --option 'nodes=["potential"]' --json`;

interface CalibrateFlags extends ConnectionFlags {
  kind: string;
  option?: Record<string, unknown>;
  force?: boolean;
}

/** Registers the subcommand. */
export function registerCalibrate(program: Command): void {
  remote(
    program.command('calibrate <device>').description('Calibrate a device, and wait for the result.'),
    examples,
  )
    .option('--kind <name>', 'what is measured', 'noise-temperature')
    .option('--option <name=value>', 'of the kind, as often as wanted (docs/operating.md)', collectOption)
    .option('--force', 'also while faults are planted; the result says so')
    .action(calibrate);
}

function calibrate(device: string, { kind, option, force, ...flags }: CalibrateFlags): Promise<void> {
  return withService(flags, async ({ client, progress, signal, print }) => {
    const step = progress.step('calibrate');
    const { id } = await client.post('/v1/calibrations', { body: { device, kind, options: option, force } });
    const ended = await client.waitForCalibration(id, { ...follow(step), signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      throw new Interrupted(
        `interrupted: the calibration ${id} goes on`,
        'thermoloop devices shows when it is done.',
      );
    });
    step.end(ended.state);
    succeeded(ended, 'calibration');
    print(ended, () => calibrationFacts(ended));
  });
}

function calibrationFacts({ id, kind, device, backend, values, stderr, forced }: Calibration): string {
  const measured = Object.entries(values ?? {}).flatMap(([name, value]): [string, string][] => {
    const error = stderr?.[name];
    if (typeof value !== 'number') return [];
    return [[name, typeof error === 'number' ? `${value.toFixed(4)} +- ${error.toFixed(4)}` : String(value)]];
  });
  return facts([
    ['calibration', `${id} (${kind})`],
    ['device', `${device} (${backend ?? 'unknown'})`],
    ['forced', forced ? 'yes: faults were planted' : null],
    ...measured,
    ...nodeFacts(values),
  ]);
}

/** Of a full calibration: what became of each kind, and its common values. */
function nodeFacts(values: Calibration['values']): [string, string][] {
  const nodes = values?.['nodes'];
  if (typeof nodes !== 'object' || nodes === null) return [];
  return Object.entries(
    nodes as Record<string, { state?: string; reason?: string | null; values?: unknown }>,
  ).map(([kind, { state = 'unknown', reason, values: found }]) => {
    const numbers = Object.entries(found ?? {}).flatMap(([name, value]) =>
      typeof value === 'number' && /_(ratio|x|E0)$/.test(name) ? [`${name} ${value.toFixed(4)}`] : [],
    );
    return [kind, [state, reason ?? '', ...numbers.slice(0, 3)].filter((word) => word !== '').join(', ')];
  });
}

function collectOption(text: string, before: Record<string, unknown> = {}): Record<string, unknown> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('name=value.');
  const value = text.slice(at + 1);
  let read: unknown = value;
  try {
    read = JSON.parse(value);
  } catch {
    // Not JSON: a word.
  }
  return { ...before, [text.slice(0, at)]: read };
}
