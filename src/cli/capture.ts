// `thermoloop capture`: what a capture file holds, and making one of a device that nobody else is using.
import { randomBytes } from 'node:crypto';
import { InvalidArgumentError, type Command } from 'commander';
import { sleep, systemClock } from '../clock/clock.ts';
import {
  connect,
  createCaptureDecoder,
  summariseCapture,
  type CaptureSummary,
  type DirectionSummary,
} from '../link/index.ts';
import { openPort, parsePortUrl, readCapture, type TransportError } from '../transports/index.ts';

const MAX_SECONDS = 86_400;

const examples = `
Examples:
  thermoloop capture record --device tcp://127.0.0.1:7700 --out idle.mcap --seconds 10
  thermoloop capture info idle.mcap
  thermoloop capture info idle.mcap --json

A job is recorded by whoever runs it: put record+ before the address of the device.
  thermoloop serve --device "record+tcp://127.0.0.1:7700?capture=job.mcap"
  thermoloop serve --device replay:job.mcap
  thermoloop serve --device tcp://127.0.0.1:7700 --capture-dir captures     only when the link is lost
`;

/** Registers the subcommand. */
export function registerCapture(program: Command): void {
  const capture = program
    .command('capture')
    .description('Record the line to a device as an MCAP file, and look into such files.')
    .addHelpText('after', examples);
  capture
    .command('info <file>')
    .description('Show what a capture holds: duration, bytes, frames and messages by kind.')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  thermoloop capture info job.mcap\n')
    .action(async (file: string, { json = false }: { json?: boolean }) => {
      const summary = summariseCapture(await readCapture(file));
      process.stdout.write(json ? `${JSON.stringify(summary)}\n` : table(summary));
    });
  capture
    .command('record')
    .description('Connect, ask the device for its state, and keep what passes for a while.')
    .requiredOption('--device <url>', 'serial://... or tcp://..., which nobody else uses meanwhile')
    .requiredOption('--out <file>', 'capture to write; a number is added where it exists')
    .option('--seconds <n>', 'how long', seconds, 10)
    .option('--json', 'print what was captured as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  thermoloop capture record --device serial:///dev/ttyACM0 --out idle.mcap --seconds 30\n',
    )
    .action((flags: RecordFlags, command: Command) => record(flags, command.parent?.parent?.version() ?? ''));
}

interface RecordFlags {
  device: string;
  out: string;
  seconds: number;
  json?: boolean;
}

async function record({ device, out, seconds, json }: RecordFlags, version: string): Promise<void> {
  const address = parsePortUrl(device);
  if (address.kind === 'record' || address.kind === 'replay')
    throw Object.assign(new Error(`${device} is recorded already`), {
      remedy: 'Name the line itself, serial://... or tcp://...',
    });
  const query = device.includes('?') ? '&' : '?';
  let fault: TransportError | null = null;
  let path = out;
  const port = openPort(`record+${device}${query}capture=${encodeURIComponent(out)}`, {
    captureDecoder: createCaptureDecoder,
    onCaptureFault: (error) => (fault = error),
    onCaptureStart: (started) => (path = started),
  });
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const random32 = (): number => randomBytes(4).readUInt32LE();
    const link = await connect({
      port,
      clock: systemClock,
      random32,
      clientId: random32(),
      hostVersion: version,
      signal: stop.signal,
    });
    const lost = new Promise<void>((resolve) => link.onClosed(() => resolve()));
    await link.capabilities();
    await Promise.race([lost, waitFor(seconds, stop.signal)]);
    await link.close();
  } finally {
    process.removeListener('SIGINT', onSignal).removeListener('SIGTERM', onSignal);
  }
  if (fault !== null) throw fault as TransportError;
  const summary = summariseCapture(await readCapture(path));
  process.stdout.write(json ? `${JSON.stringify({ path, ...summary })}\n` : `${path}\n${table(summary)}`);
}

/** Also keeps the process alive, which the clock's own timers do not. */
async function waitFor(seconds: number, signal: AbortSignal): Promise<void> {
  const alive = setInterval(() => undefined, 1000);
  await sleep(systemClock, seconds * 1000, signal).catch(() => undefined);
  clearInterval(alive);
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= MAX_SECONDS) return value;
  throw new InvalidArgumentError(`Expected seconds above 0, up to ${MAX_SECONDS}.`);
}

function table(summary: CaptureSummary): string {
  const { label, opened, duration_s, dropped_bytes, device, directions, end } = summary;
  const kind = device?.simulated === true ? 'a twin' : 'a chip';
  const lines: [string, string][] = [
    ['line', label],
    ['opened', `${opened}, ${duration_s.toFixed(3)} s`],
    ['device', device === null ? 'did not answer' : `${device.uid}, ${kind}, firmware ${device.firmware}`],
    ['beginning', dropped_bytes === 0 ? 'whole: it can be replayed' : `${dropped_bytes} bytes forgotten`],
    ['end', end === null ? 'not in the capture' : `${end.message} (link: ${end.link ?? 'not told'})`],
    ...directionLines('host to device', directions.host_to_device),
    ...directionLines('device to host', directions.device_to_host),
  ];
  return `${lines.map(([name, text]) => `${name.padEnd(16)}${text}`).join('\n')}\n`;
}

function directionLines(name: string, direction: DirectionSummary): [string, string][] {
  const counts = (of: Record<string, number>): string =>
    Object.entries(of)
      .sort(([, a], [, b]) => b - a)
      .map(([what, times]) => `${what} ${times}`)
      .join(', ') || 'none';
  return [
    [name, `${direction.bytes} bytes`],
    ['  frames', counts(direction.frames)],
    ['  messages', counts(direction.messages)],
    ['  damaged', counts(direction.damaged)],
  ];
}
