// `thermoloop twin`: the simulated chip as a process of its own, behind a serial pty or a TCP port.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { resolve } from 'node:path';
import { loadProfile, type ChipProfile } from '../../firmware-sim/chip/index.ts';
import {
  ambientMethods,
  describeMethods,
  faultMethods,
  serveControl,
} from '../../firmware-sim/control/index.ts';
import type { ControlService } from '../../firmware-sim/control/index.ts';
import { createTwin, servePty, serveTcp } from '../../firmware-sim/ports/index.ts';
import type { Controller } from '../../firmware-sim/firmware/index.ts';
import type { Twin, TwinOptions } from '../../firmware-sim/ports/index.ts';
import { systemClock } from '../clock/clock.ts';
import { VirtualClock } from '../clock/virtual-clock.ts';
import { Coordinator, realTimeMethods } from './lock-step/coordinator.ts';
import { CountedController } from './lock-step/counted-link.ts';
import { whenParentGone, whenSignalled } from './process-end.ts';

const UNITS_DEFAULT = 1296;
const UNITS_MAX = 4096;
const SPEED_MIN = 0.01;
const SPEED_MAX = 1e6;
const TCP_DEFAULT = { host: '127.0.0.1', port: 7700 };
/** A second signal, or a clean-up that hangs, ends the process at once. */
const SHUTDOWN_LIMIT_MS = 5000;

interface Address {
  host: string;
  port: number;
}
interface Flags {
  pty?: string;
  tcp?: Address | true;
  units: number;
  seed?: bigint;
  threads: number;
  profile: string;
  noiseTemperatureError?: number;
  ambient?: number;
  dynamics?: 'overdamped' | 'oscillator';
  qualityFactor?: number;
  resonance?: number;
  control?: Address;
  speed: number | 'max';
  json?: boolean;
  exitWithParent?: boolean;
}
interface Service {
  url: string;
  /** Resolves with an error when the port died by itself. */
  failed?: Promise<Error>;
  close: () => Promise<void>;
}
/** Of a twin that keeps virtual time. */
interface Virtual {
  clock: VirtualClock;
  link: CountedController;
  coordinator: Coordinator;
}

const examples = `
Examples:
  thermoloop twin --pty /tmp/thermoloop0       a serial device; needs socat (apt-get install socat)
  thermoloop twin --tcp 7700                   a byte stream on 127.0.0.1:7700
  thermoloop twin --tcp 0 --json               on a free port, which the line of JSON names
  thermoloop twin --noise-temperature-error 0.1   a chip that is 10 % hotter than it is programmed to be
  thermoloop twin --profile typical            a chip with sub-percent errors and drift
  thermoloop twin --profile hot --ambient 60      surroundings so warm that a long run is derated
  thermoloop twin --dynamics oscillator --quality-factor 3   a chip whose cells ring
  thermoloop twin --tcp 7700 --control 127.0.0.1:7701   with a control channel: JSON-RPC, one request per line
  thermoloop twin --tcp 7700 --control 127.0.0.1:7701 --speed max   virtual time, as fast as the work allows

Then, in another terminal:
  thermoloop serve --device serial:///tmp/thermoloop0
  thermoloop serve --device tcp://127.0.0.1:7700
  thermoloop serve --device tcp://127.0.0.1:7700 --clock 127.0.0.1:7701   on the virtual time of that twin
`;

/** Registers the subcommand. */
export function registerTwin(program: Command): void {
  program
    .command('twin')
    .description(
      'Run a simulated chip: the firmware and the integer kernel, bit for bit the same everywhere.',
    )
    .option('--pty <path>', 'serve a serial device under this name')
    .option('--tcp [host:port]', 'serve a TCP port (default: 127.0.0.1:7700; port 0: a free one)', address)
    .option('--units <n>', 'largest program, in units', integerUpTo(UNITS_MAX), UNITS_DEFAULT)
    .option('--seed <n>', 'names the device, and draws the seeds of runs without one', seed)
    .option('--threads <n>', 'kernel threads; the samples do not depend on it', integerUpTo(2), 1)
    .option(
      '--noise-temperature-error <ratio>',
      'relative error of the actual noise temperature, -0.5 to 1: a planted miscalibration; overrides the profile',
      noiseTemperatureError,
    )
    .option(
      '--profile <name or file>',
      'what differs from an ideal chip: ideal, typical, hot, worn, or a JSON file (docs/twin.md)',
      'ideal',
    )
    .option(
      '--ambient <celsius>',
      'temperature of the surroundings, -55 to 250, constant (default: as the profile says)',
      numberWithin(-55, 250),
    )
    .addOption(
      new Option(
        '--dynamics <kind>',
        'how the units move: overdamped, or as resonant cells with inertia (default: as the profile says)',
      ).choices(['overdamped', 'oscillator']),
    )
    .option(
      '--quality-factor <q>',
      'Q of an oscillator cell, 0.001 to 1000; small ones are overdamped',
      numberWithin(1e-3, 1e3),
    )
    .option(
      '--resonance <hertz>',
      'where Q is meant (default: that of the reference cell, 318310 / Q)',
      numberWithin(1, 1e9),
    )
    .option(
      '--control <host:port>',
      'serve the control channel here, on a loopback address (port 0: a free one; docs/twin.md)',
      address,
    )
    .option(
      '--speed <factor>',
      'virtual seconds per second, or max: as fast as the work allows; needs --control, where the service joins',
      speed,
      1,
    )
    .option('--json', 'print the line of readiness as JSON')
    .option('--exit-with-parent', 'end when the process that started this one ends')
    .addHelpText('after', examples)
    .action((flags: Flags, command: Command) => twin(flags, command.parent?.version() ?? ''));
}

async function twin(flags: Flags, version: string): Promise<void> {
  if (flags.pty !== undefined && flags.tcp !== undefined) {
    throw withRemedy('--pty and --tcp exclude each other', 'Start two twins, or choose one of them.');
  }
  if (flags.speed !== 1 && flags.control === undefined) {
    throw withRemedy(
      '--speed needs the control channel: the link has to keep the same time',
      'Add --control 127.0.0.1:7701, and start the service with --clock 127.0.0.1:7701.',
    );
  }
  const dynamics = chosenDynamics(flags);
  // Before anything that takes time: a parent that is gone by then must not be missed.
  const parentGone = flags.exitWithParent === true ? whenParentGone() : null;
  const signalled = whenSignalled();
  const profile = await loadProfile(flags.profile);
  const clock = flags.speed === 1 ? null : new VirtualClock({ origin_ms: Date.now(), speed: flags.speed });
  const simulated = await createTwin({
    units: flags.units,
    threads: flags.threads,
    profile,
    noiseTemperatureError_ratio: flags.noiseTemperatureError,
    ambient_C: flags.ambient,
    firmwareVersion: version,
    clock: clock ?? systemClock,
    dynamics,
    ...(flags.seed !== undefined && { seed: flags.seed }),
  });
  let service: Service | null = null;
  let control: ControlService | null = null;
  const virtual = clock && virtualTime(simulated, clock, flags.speed);
  try {
    control = await serveControlOf(simulated, profile, flags, virtual?.coordinator);
    service = await serve(virtual?.link ?? simulated.controller, flags);
    virtual?.coordinator.start();
    announce(service.url, simulated, flags, control?.address);
    const ends: Promise<Error | null>[] = [signalled];
    if (parentGone !== null) ends.push(parentGone);
    if (service.failed !== undefined) ends.push(service.failed);
    const failure = await Promise.race(ends);
    if (failure !== null) throw failure;
  } finally {
    const limit = setTimeout(() => process.exit(1), SHUTDOWN_LIMIT_MS);
    await virtual?.coordinator.stop();
    await service?.close();
    await control?.close();
    await simulated.close();
    clearTimeout(limit);
  }
}

function chosenDynamics({ dynamics, qualityFactor, resonance }: Flags): TwinOptions['dynamics'] {
  if (dynamics !== 'oscillator') {
    if (qualityFactor === undefined && resonance === undefined) return dynamics && { kind: dynamics };
    throw withRemedy(
      '--quality-factor and --resonance belong to oscillator cells',
      'Add --dynamics oscillator, or leave them out.',
    );
  }
  if (qualityFactor === undefined) {
    throw withRemedy('an oscillator cell needs its quality factor', 'Add --quality-factor, such as 1.');
  }
  return {
    kind: 'oscillator',
    qualityFactor,
    ...(resonance !== undefined && { resonance_Hz: resonance }),
  };
}

/** Time stands still until a service joins. */
function virtualTime({ controller }: Twin, clock: VirtualClock, speed: number | 'max'): Virtual {
  const link = new CountedController(controller, clock);
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const coordinator = new Coordinator({ clock, speed, link, real: systemClock, log });
  return { clock, link, coordinator };
}

async function serve(controller: Controller, flags: Flags): Promise<Service> {
  if (flags.pty !== undefined) {
    const path = resolve(flags.pty);
    const pty = await servePty(controller, path);
    return { url: `serial://${path}`, failed: pty.failed, close: () => pty.close() };
  }
  const asked = flags.tcp === undefined || flags.tcp === true ? TCP_DEFAULT : flags.tcp;
  const tcp = await serveTcp(controller, asked);
  const host = tcp.host.includes(':') ? `[${tcp.host}]` : tcp.host;
  return { url: `tcp://${host}:${tcp.port}`, close: () => tcp.close() };
}

async function serveControlOf(
  { uid, profile: { digest }, faults, surroundings }: Twin,
  profile: ChipProfile,
  { control, units, speed }: Flags,
  coordinator: Coordinator | undefined,
): Promise<ControlService | null> {
  if (control === undefined) return null;
  const facts = {
    uid,
    units,
    profile,
    profileDigest: digest,
    speed: () => speed,
    faultsActive: () => faults.views(),
  };
  const time = coordinator?.methods() ?? realTimeMethods();
  const chip = { ...describeMethods(facts), ...faultMethods(faults), ...ambientMethods(surroundings) };
  return serveControl({ ...chip, ...time }, control);
}

function announce(
  url: string,
  { uid, profile }: Twin,
  { units, json, speed }: Flags,
  control?: string,
): void {
  const extra = { ...(control && { control }), ...(speed !== 1 && { speed }) };
  const facts = { ready: true, url, uid, units, pid: process.pid, profile, ...extra };
  const kind = `profile ${profile.name} ${profile.digest.slice(0, 8)}`;
  const paced = speed === 1 ? '' : `, virtual time at speed ${speed} once a service has joined`;
  const controlled = control === undefined ? '' : `, control channel at ${control}${paced}`;
  const line = json
    ? JSON.stringify(facts)
    : `twin ${uid} with ${units} units (${kind}) is ready at ${url}${controlled}`;
  process.stdout.write(`${line}\n`);
}

function address(text: string): Address {
  const match = /^(?:(?<host>\[[^\]]+\]|[^:]+):)?(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  if (match === null || port > 65_535) {
    throw new InvalidArgumentError('Expected PORT or HOST:PORT, such as 127.0.0.1:7700.');
  }
  const host = match.groups?.['host']?.replace(/^\[|\]$/g, '') ?? TCP_DEFAULT.host;
  return { host, port };
}

function integerUpTo(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${most}.`);
  };
}

function speed(text: string): number | 'max' {
  const value = Number(text);
  if (text === 'max') return text;
  if (text.trim() !== '' && value >= SPEED_MIN && value <= SPEED_MAX) return value;
  throw new InvalidArgumentError(`Expected max, or a number from ${SPEED_MIN} to ${SPEED_MAX}, such as 100.`);
}

function seed(text: string): bigint {
  if (/^\d+$/.test(text) && BigInt(text) < 1n << 64n) return BigInt(text);
  throw new InvalidArgumentError('Expected a whole number below 2^64.');
}

function noiseTemperatureError(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= -0.5 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a ratio from -0.5 to 1, such as 0.1 for 10 % too hot.');
}

function numberWithin(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a number from ${least} to ${most}.`);
  };
}

function withRemedy(message: string, remedy: string): Error {
  return Object.assign(new Error(message), { remedy });
}
