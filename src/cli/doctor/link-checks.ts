// What a session with the device tells: who answers, in which state it is, how long a round trip takes, how fast a load
// goes, and what the line damaged meanwhile.
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../clock/clock.ts';
import {
  connect,
  DeviceState,
  LinkError,
  LoadState,
  RunPhase,
  type DeviceStatus,
  type Link,
} from '../../link/index.ts';
import { programImageBytes } from '../../physics/index.ts';
import { TransportError, type Port } from '../../transports/index.ts';
import { failure, ok, skipped, warning, type Check } from './check.ts';
import { scratchProgram } from './scratch-program.ts';

export type LoadPolicy = 'auto' | 'always' | 'never';

export interface LinkOptions {
  openPort(): Port;
  hostVersion: string;
  pings: number;
  load: LoadPolicy;
  /** Say hello under a fence above that of any service before; one that still runs has to be restarted then. */
  takeOver?: boolean;
}

/** Round trips above these wait for something that is not the device. */
const SLOW_P99_MS = 50;
const SLOW_P99_UART_MS = 200;
const UART_BITS_PER_BYTE = 10;
/** Aimed at on a line of known rate, and given up after on any. */
const LOAD_AIM_S = 2;
const LOAD_LIMIT_MS = 6_000;
/** The load is broken off here: an unfinished image is the first to give way to a real one. */
const LOAD_SHARE = 0.9;
/** Smaller loads measure round trips, not the rate. */
const UNITS_MIN = 32;

/** Opens the port, says hello and measures. The device is left as it was, but for half a program in a free bank. */
export async function linkChecks(options: LinkOptions): Promise<Check[]> {
  const port = options.openPort();
  let isOpen = false;
  const open = port.open.bind(port);
  port.open = async (signal) => {
    await open(signal);
    isOpen = true;
  };
  let link: Link;
  try {
    link = await connect({
      port,
      clock: systemClock,
      random32: () => randomBytes(4).readUInt32LE(),
      clientId: randomBytes(4).readUInt32LE(),
      hostVersion: options.hostVersion,
      ...(options.takeOver === true && { fence: BigInt(systemClock.wall_ms()) }),
    });
  } catch (error) {
    const opened = ok('open', `${port.label} opens`);
    return isOpen ? [opened, failed('hello', error)] : [failed('open', error)];
  }
  const checks: Check[] = [ok('open', `${port.label} opens`), judgeIdentity(link)];
  try {
    const status = await link.status();
    checks.push(judgeState(status));
    checks.push(await roundTrip(link, options.pings));
    checks.push(await goodput(link, status, options.load));
    checks.push(judgeDamage(link));
  } catch (error) {
    checks.push(failed('session', error));
  } finally {
    await link.close();
  }
  return checks;
}

function failed(name: string, error: unknown): Check {
  const cause = error instanceof LinkError && error.cause instanceof TransportError ? error.cause : error;
  if (cause instanceof LinkError || cause instanceof TransportError) {
    return failure(name, cause.message, cause.remedy, { code: cause.code });
  }
  const message = error instanceof Error ? error.message : String(error);
  return failure(name, message, 'Report this with the output of THERMOLOOP_DEBUG=1.');
}

function judgeIdentity({ identity }: Link): Check {
  const { uid, simulated, firmware, schemaHash, limits } = identity;
  const schema = schemaHash.toString(16).padStart(8, '0');
  const what = simulated ? 'a twin (simulated)' : 'a chip';
  const message = `${what}, uid ${uid}, firmware ${firmware}, schema ${schema} as ours, ${limits.units} units in ${limits.banks} banks`;
  return ok('hello', message, { uid, simulated, firmware, schema, units: limits.units });
}

function isRunActive({ state, run }: DeviceStatus): boolean {
  const active: readonly number[] = [RunPhase.SAMPLING, RunPhase.PAUSED, RunPhase.FINISHING];
  return state === DeviceState.RUNNING || (run !== undefined && active.includes(run.phase));
}

function judgeState(status: DeviceStatus): Check {
  if (status.fault.length > 0) {
    const codes = status.fault.map(({ code }) => code).join(', ');
    const message = `the device reports fault ${codes}`;
    return warning(
      'state',
      message,
      'docs/protocol.md lists the codes; remove the cause, then clear the fault.',
    );
  }
  if (isRunActive(status)) return ok('state', 'a run is going on; it is left alone');
  return ok('state', 'no run, no fault');
}

async function roundTrip(link: Link, pings: number): Promise<Check> {
  const times_ms: number[] = [];
  for (let k = 0; k < pings; k += 1) times_ms.push(await link.ping());
  times_ms.sort((a, b) => a - b);
  const at = (share: number): number => times_ms[Math.min(pings - 1, Math.floor(share * pings))];
  const facts = { pings, p50_ms: rounded(at(0.5)), p99_ms: rounded(at(0.99)), max_ms: rounded(at(1)) };
  const message = `p50 ${facts.p50_ms} ms, p99 ${facts.p99_ms} ms, longest ${facts.max_ms} ms of ${pings}`;
  const slow_ms = link.identity.limits.uartHintBaud > 0 ? SLOW_P99_UART_MS : SLOW_P99_MS;
  if (at(0.99) <= slow_ms) return ok('round-trip', message, facts);
  const remedy = 'Look for a busy machine, a bridge with a latency timer, or a network in between.';
  return warning('round-trip', message, remedy, facts);
}

const rounded = (value: number): number => Number(value.toPrecision(3));

/** Loads most of a scratch program into a bank that nobody misses, and leaves it there unfinished. */
async function goodput(link: Link, status: DeviceStatus, policy: LoadPolicy): Promise<Check> {
  if (policy === 'never') return skipped('goodput', 'not measured: --load never');
  if (isRunActive(status)) return skipped('goodput', 'not measured while a run is going on');
  const inState = (...states: LoadState[]): number | undefined =>
    status.bank.find(({ state }) => states.includes(state))?.index;
  const free = inState(LoadState.EMPTY) ?? inState(LoadState.LOADING);
  const bank = free ?? (policy === 'always' ? inState(LoadState.STAGED) : undefined);
  if (bank !== undefined) return measureLoad(link, bank);
  const message =
    'not measured: every bank holds a program. --load always overwrites one that is staged, which is then sent again';
  return skipped('goodput', policy === 'auto' ? message : 'not measured: every bank drives the chip');
}

async function measureLoad(link: Link, bank: number): Promise<Check> {
  const units = scratchUnits(link);
  const image = scratchProgram(units, await link.capabilities());
  const enough = new AbortController();
  const timer = systemClock.after(LOAD_LIMIT_MS, () => enough.abort());
  const reports: { bytes: number; at_ms: number }[] = [];
  const onProgress = (bytes: number): void => {
    reports.push({ bytes, at_ms: systemClock.now_ms() });
    if (bytes >= LOAD_SHARE * image.length) enough.abort();
  };
  try {
    await link.load(image, { kind: 'program', units, bank, onProgress, signal: enough.signal });
  } catch (error) {
    if (!(error instanceof LinkError && error.code === 'cancelled')) return failed('goodput', error);
  } finally {
    timer.cancel();
  }
  const [first, last] = [reports[0], reports.at(-1)];
  if (last === undefined || last.at_ms === first.at_ms) {
    return skipped('goodput', `not measured: fewer than two reports on ${image.length} bytes`);
  }
  const bytes = last.bytes - first.bytes;
  const rate_Bps = (bytes / (last.at_ms - first.at_ms)) * 1000;
  const message = `${speed(rate_Bps)} over ${bytes} bytes of a scratch program, left unfinished in bank ${bank}`;
  return judgeRate(link, rate_Bps, message, { bytes, rate_Bps: Math.round(rate_Bps), bank });
}

function judgeRate(link: Link, rate_Bps: number, message: string, facts: Check['facts']): Check {
  const { uartHintBaud } = link.identity.limits;
  const line_Bps = uartHintBaud / UART_BITS_PER_BYTE;
  if (uartHintBaud === 0 || rate_Bps >= 0.8 * line_Bps) return ok('goodput', message, facts);
  const share = `${message}; the line could carry ${speed(line_Bps)}`;
  return warning(
    'goodput',
    share,
    'Look at line-damage below, at other holders of the line, and at the cable.',
    facts,
  );
}

/** As large as the device takes, on a UART about as much as it carries in the time aimed at. */
function scratchUnits(link: Link): number {
  const { units, uartHintBaud } = link.identity.limits;
  if (uartHintBaud === 0) return units;
  const aim_bytes = (uartHintBaud / UART_BITS_PER_BYTE) * LOAD_AIM_S;
  let chosen = units;
  while (chosen > UNITS_MIN && programImageBytes(chosen) > aim_bytes) chosen = Math.floor(chosen * 0.9);
  return chosen;
}

const speed = (rate_Bps: number): string =>
  rate_Bps >= 1e6 ? `${(rate_Bps / 1e6).toFixed(1)} MB/s` : `${(rate_Bps / 1e3).toFixed(1)} kB/s`;

function judgeDamage(link: Link): Check {
  const { rxCorrupt, rxOversize, rxSeqGaps, requestRetries, txReplayBytes, device } = link.counters();
  const corrupt = Object.values(rxCorrupt).reduce((sum, count) => sum + count, 0) + rxOversize;
  const atDevice = (device?.rxCorrupt ?? 0) + (device?.rxOversize ?? 0);
  const facts = { corrupt, corruptAtDevice: atDevice, rxSeqGaps, requestRetries, txReplayBytes };
  if (corrupt + atDevice + rxSeqGaps === 0) return ok('line-damage', 'every frame arrived intact', facts);
  const message = `${corrupt} damaged frames here, ${atDevice} at the device, ${rxSeqGaps} frames missing; all was repaired`;
  const remedy =
    'Check cable, connectors and baud rate; on a UART also the flow of the bridge. Results stay right, loads get slower.';
  return warning('line-damage', message, remedy, facts);
}
