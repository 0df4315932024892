// `thermoloop fault`: plants faults in a running twin, shows and clears them, over the twin's control channel.
import { Option, type Command } from 'commander';
import type { FaultInput, FaultView } from '../../firmware-sim/faults/index.ts';
import { TwinControl } from './control/client.ts';
import {
  faultLine,
  number,
  pair,
  quantity,
  vocabularyLines,
  type Quantity,
  type Vocabulary,
} from './fault/words.ts';

const CONTROL_VARIABLE = 'THERMOLOOP_TWIN_CONTROL';

interface ControlFlags {
  control: string;
  json?: boolean;
}
interface InjectFlags extends ControlFlags {
  unit?: number;
  pair?: [number, number];
  sensor?: string;
  direction?: 'to-device' | 'to-host';
  magnitude?: Quantity;
  rate?: Quantity;
  seed?: number;
  after?: number;
  duration?: number;
  period?: number;
  duty?: number;
}

const about = `
Only a simulated chip can be told to fail: a chip has no such channel, and the command refuses anything but a twin that
was started with --control.

Examples:
  thermoloop twin --tcp 7700 --control 127.0.0.1:7701        the twin, in another terminal
  export ${CONTROL_VARIABLE}=127.0.0.1:7701
  thermoloop fault list --vocabulary                         every fault, with its numbers and units
  thermoloop fault inject readout stuck --unit 17 --magnitude 500codes
  thermoloop fault inject coupling wrong --pair 3,7 --magnitude 0.05ratio --duration 600
  thermoloop fault inject coupling drift --pair 3,7 --rate 0.01full_scale_per_s --magnitude 0.05full_scale
  thermoloop fault inject link intermittent --direction to-host --period 10 --duty 0.2
  thermoloop fault ambient 60                                warmer surroundings, no fault; without a number: what they are
  thermoloop fault list
  thermoloop fault clear fault-1
  thermoloop fault clear --all
`;

/** Registers the subcommand. */
export function registerFault(program: Command): void {
  const fault = program
    .command('fault')
    .description('Plant faults in a running twin, show them, clear them.')
    .addHelpText('after', about);
  withControl(fault.command('list').description('Show what is planted.'))
    .option('--vocabulary', 'show every fault there is, with its numbers and units')
    .action((flags: ControlFlags & { vocabulary?: boolean }) =>
      flags.vocabulary ? vocabulary(flags) : list(flags),
    );
  withControl(
    fault
      .command('inject <component> <type>')
      .description(
        'Plant a fault: sensor, coupling, readout or link; off, stuck, garbage, wrong, slow, delayed, intermittent or drift; ok clears.',
      ),
  )
    .option('--unit <n>', 'readout: this unit; coupling: every coupling of it', number)
    .option('--pair <i,j>', 'the coupling between two units', pair)
    .option('--sensor <name>', 'the sensor that fails')
    .addOption(new Option('--direction <way>', 'one direction of the link').choices(['to-device', 'to-host']))
    .option('--magnitude <number+unit>', 'how much, such as 500codes or 0.1ratio', quantity)
    .option('--rate <number+unit>', 'of a drift, such as 2codes_per_s', quantity)
    .option('--seed <n>', 'draws what is random (0)', number)
    .option('--after <s>', 'sets in so much device time from now', number)
    .option('--duration <s>', 'ends by itself after so much device time', number)
    .option('--period <s>', 'of an intermittent fault', number)
    .option('--duty <ratio>', 'share of each period in which it fails (0.5)', number)
    .addHelpText('after', about)
    .action(inject);
  withControl(
    fault
      .command('ambient [celsius]')
      .description(
        'Show or change the temperature of the surroundings: degrees Celsius, or "profile" for what the twin was started with.',
      ),
  ).action(ambient);
  withControl(fault.command('clear [id...]').description('Clear faults by id, or all.'))
    .option('--all', 'clear everything')
    .action(clear);
}

function withControl(command: Command): Command {
  return command
    .addOption(
      new Option('--control <host:port>', 'control channel of the twin')
        .env(CONTROL_VARIABLE)
        .makeOptionMandatory(),
    )
    .option('--json', 'print JSON');
}

async function inject(component: string, type: string, flags: InjectFlags): Promise<void> {
  const { unit, pair: units, sensor, direction } = flags;
  const fault = given({
    component,
    type,
    target: given({ unit, pair: units, sensor, direction }),
    magnitude: flags.magnitude,
    rate: flags.rate,
    seed: flags.seed,
    startsAfter_s: flags.after,
    duration_s: flags.duration,
    period_s: flags.period,
    duty_ratio: flags.duty,
  }) as FaultInput;
  const answer = (await ask(flags, 'faults.inject', fault)) as { fault: FaultView | null };
  const line = answer.fault === null ? `${component}: cleared` : faultLine(answer.fault);
  print(flags, answer, [line]);
}

async function list(flags: ControlFlags): Promise<void> {
  const answer = (await ask(flags, 'faults.list')) as { faults: FaultView[]; deviceTime_s: number };
  const { faults, deviceTime_s } = answer;
  const head = `${faults.length === 0 ? 'no faults' : `${faults.length} planted`} at ${deviceTime_s.toFixed(1)} s of device time`;
  print(flags, answer, [head, ...faults.map(faultLine)]);
}

async function vocabulary(flags: ControlFlags): Promise<void> {
  const answer = (await ask(flags, 'faults.vocabulary')) as Vocabulary;
  print(flags, answer, vocabularyLines(answer));
}

async function clear(ids: string[], flags: ControlFlags & { all?: boolean }): Promise<void> {
  if ((flags.all === true) === ids.length > 0) {
    throw Object.assign(new Error('clear takes ids of faults, or --all'), {
      remedy: 'thermoloop fault list shows the ids.',
      exitCode: 2,
    });
  }
  const cleared = await withTwin(flags, async (control) => {
    if (flags.all === true) return ((await control.call('faults.clearAll')) as { cleared: number }).cleared;
    for (const id of ids) await control.call('faults.clear', { id });
    return ids.length;
  });
  print(flags, { cleared }, [`${cleared} cleared`]);
}

interface Surroundings {
  ambient: { kind: string };
  temperature_C: number;
}

async function ambient(celsius: string | undefined, flags: ControlFlags): Promise<void> {
  const wanted = celsius === 'profile' ? null : constant(celsius);
  const answer = (await (wanted === undefined
    ? ask(flags, 'ambient.get')
    : ask(flags, 'ambient.set', { ambient: wanted }))) as Surroundings;
  const line = `surroundings at ${answer.temperature_C.toFixed(1)} C (${answer.ambient.kind})`;
  print(flags, answer, [line]);
}

function constant(celsius: string | undefined): { kind: 'constant'; temperature_C: number } | undefined {
  if (celsius === undefined) return undefined;
  const temperature_C = Number(celsius);
  if (celsius.trim() !== '' && Number.isFinite(temperature_C)) return { kind: 'constant', temperature_C };
  throw Object.assign(new Error(`"${celsius}" is no temperature`), {
    remedy: 'Give degrees Celsius, such as 60, or "profile".',
    exitCode: 2,
  });
}

function ask(flags: ControlFlags, method: string, params?: object): Promise<unknown> {
  return withTwin(flags, (control) => control.call(method, params));
}

async function withTwin<T>(
  { control: address }: ControlFlags,
  use: (control: TwinControl) => Promise<T>,
): Promise<T> {
  const { control } = await TwinControl.connect(address);
  try {
    return await use(control);
  } finally {
    control.close();
  }
}

/** Without the fields that were not given. */
function given(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function print({ json }: ControlFlags, answer: unknown, lines: string[]): void {
  process.stdout.write(json === true ? `${JSON.stringify(answer)}\n` : `${lines.join('\n')}\n`);
}
