// `thermoloop doctor`: explains a link. Looks at the line, says hello, measures, and tells for everything that is not as it
// should be what to do about it.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { describe } from './doctor/check.ts';
import { examine } from './doctor/examine.ts';
import type { LoadPolicy } from './doctor/link-checks.ts';
import { ConfigError, DEVICE_EXAMPLES } from './serve/config.ts';

const PINGS_DEFAULT = 100;
const PINGS_MAX = 100_000;

interface Flags {
  device?: string;
  pings: number;
  load: LoadPolicy;
  takeOver?: boolean;
  json?: boolean;
}

const examples = `
Examples:
  thermoloop doctor --device serial:///dev/serial/by-id/usb-thermoloop_board-if00?baud=921600
  thermoloop doctor --device tcp://127.0.0.1:7700 --json

Exits with 0 when the link works, with 1 when a check failed. What each check means: docs/operating.md.
`;

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Explain the link to a device: path, permissions, holders, hello, round trip, goodput.')
    .option('--device <url>', 'the device: serial://... or tcp://... (default: THERMOLOOP_DEVICE)')
    .option('--pings <n>', 'round trips to measure', pings, PINGS_DEFAULT)
    .addOption(
      new Option(
        '--load <when>',
        'measure goodput by loading a scratch program: auto takes only an empty bank',
      )
        .choices(['auto', 'always', 'never'])
        .default('auto'),
    )
    .option(
      '--take-over',
      'say hello even if that ends the session of another program, or its right to come back',
    )
    .option('--json', 'print the examination as JSON')
    .addHelpText('after', examples)
    .action((flags: Flags, command: Command) => doctor(flags, command.parent?.version() ?? ''));
}

async function doctor(flags: Flags, hostVersion: string): Promise<void> {
  const url = flags.device ?? process.env['THERMOLOOP_DEVICE'] ?? '';
  if (url === '') throw new ConfigError('no-device', 'no device is set', DEVICE_EXAMPLES);
  const { pings: count, load, takeOver = false } = flags;
  const examination = await examine(url, { hostVersion, pings: count, load, takeOver });
  process.stdout.write(`${flags.json ? JSON.stringify(examination) : describe(examination)}\n`);
  process.exitCode = examination.ok ? 0 : 1;
}

function pings(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= PINGS_MAX) return value;
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${PINGS_MAX}.`);
}
