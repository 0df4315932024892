// A serial line: node-serialport behind the rules of docs/protocol.md, section Serial line. The only file that talks
// to that package, and it loads it when a serial port is opened, so that TCP users do not need its native part.
import type * as SerialPackage from 'serialport';
import type { Clock } from '../../clock/clock.ts';
import { attemptOpen } from '../open-attempt.ts';
import { PortEvents } from '../port-events.ts';
import { TransportError } from '../port.ts';
import type { Port, PortCloseReason, TransportErrorCode } from '../port.ts';
import { keepBothInterests } from './poller.ts';

export interface SerialPortOptions {
  path: string;
  /** A fiction on native USB and on ptys; real on a UART. */
  baud: number;
  /** Ask a USB-serial bridge for its 1 ms latency timer; opening fails when the driver does not grant it. */
  lowLatency: boolean;
  clock: Clock;
  openTimeout_ms: number;
}

type NodeSerialPort = SerialPackage.SerialPort;
/** close(2) may wait for a stuck tty; nobody waits longer than this for it. */
const CLOSE_LIMIT_MS = 2_000;

export class SerialPort implements Port {
  readonly label: string;
  readonly #events = new PortEvents();
  readonly #options: SerialPortOptions;
  #line: NodeSerialPort | null = null;

  constructor(options: SerialPortOptions) {
    this.#options = options;
    this.label = `serial://${options.path}?baud=${options.baud}`;
  }

  open(signal: AbortSignal): Promise<void> {
    return attemptOpen({
      events: this.#events,
      label: this.label,
      clock: this.#options.clock,
      timeout_ms: this.#options.openTimeout_ms,
      signal,
      timeoutRemedy: 'The driver of this line does not answer: unplug the device and plug it in again.',
      start: () => this.#start(),
      abandon: () => void this.#release(),
    });
  }

  get queuedBytes(): number {
    return this.#line?.writableLength ?? 0;
  }

  write(bytes: Uint8Array): boolean {
    // After a close the package never answers a write: do not hand it one.
    if (this.#events.phase !== 'open' || !this.#line?.isOpen) return false;
    return this.#line.write(Buffer.from(bytes));
  }

  onData(callback: (bytes: Uint8Array) => void): void {
    this.#events.onData(callback);
  }

  onDrain(callback: () => void): void {
    this.#events.onDrain(callback);
  }

  onClosed(callback: (why: PortCloseReason) => void): void {
    this.#events.onClosed(callback);
  }

  async close(): Promise<void> {
    this.#events.closed({ code: 'asked', message: `${this.label} closed` });
    await this.#release();
  }

  async #start(): Promise<void> {
    const serial = await loadPackage();
    const { path, baud, lowLatency } = this.#options;
    const line = new serial.SerialPort({ path, baudRate: baud, autoOpen: false, hupcl: false });
    this.#line = line;
    this.#listen(line);
    const step = (run: (done: (error: Error | null | undefined) => void) => void): Promise<void> =>
      new Promise((resolve, reject) => run((error) => (error ? reject(error) : resolve())));
    try {
      await step((done) => line.open(done));
      // An open that comes after its deadline, or after close(), must not keep the line.
      if (this.#events.phase !== 'opening') return await this.#release();
      keepBothInterests((line.port ?? {}) as Parameters<typeof keepBothInterests>[0]);
      // Standard baud rates are flushed on open and custom ones are not, so it is always done here.
      await step((done) => line.flush(done));
      if (lowLatency) await assertLowLatency(line);
    } catch (error) {
      throw error instanceof TransportError ? error : await openError(serial, this.label, path, error);
    }
  }

  /** Attached before open() and never removed: a write cancelled by close() is an `error` that kills the process otherwise. */
  #listen(line: NodeSerialPort): void {
    line.on('error', (error: Error & { canceled?: boolean }) => {
      if (!error.canceled)
        this.#lost({ code: 'error', message: `${this.label}: ${error.message}`, cause: error });
    });
    // Flowing from the start: an unplugged line is only noticed by whoever reads.
    line.on('data', (bytes: Uint8Array) => this.#events.data(bytes));
    line.on('drain', () => this.#events.drain());
    const gone: PortCloseReason = { code: 'disconnected', message: `${this.label}: the line went away` };
    line.on('end', () => this.#lost(gone)); // a read of zero bytes: end of file, without a close
    line.on('close', (cause: unknown) => this.#lost({ ...gone, cause }));
  }

  #lost(why: PortCloseReason): void {
    if (this.#events.phase !== 'open') return;
    this.#events.closed(why);
    void this.#release();
  }

  /** Closes the file whatever state it is in; errors at this point help nobody. */
  async #release(): Promise<void> {
    const line = this.#line;
    if (!line?.isOpen) return;
    await new Promise<void>((resolve) => {
      const limit = this.#options.clock.after(CLOSE_LIMIT_MS, resolve);
      line.close(() => {
        limit.cancel();
        resolve();
      });
    });
  }
}

async function loadPackage(): Promise<typeof SerialPackage> {
  try {
    return await import('serialport');
  } catch (cause) {
    throw new TransportError('open-failed', 'the package serialport cannot be loaded', {
      remedy: 'Run npm ci again, or join the line to TCP (socat, ser2net) and use a tcp:// URL.',
      retryable: false,
      cause,
    });
  }
}

/** The package drops the error of set({lowLatency}); only reading it back tells. */
function assertLowLatency(line: NodeSerialPort): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: unknown): void =>
      reject(
        new TransportError('open-failed', 'the driver of this line does not grant low latency', {
          remedy: 'Remove lowLatency=1 from the URL; native USB devices do not need it.',
          retryable: false,
          cause,
        }),
      );
    line.set({ lowLatency: true } as Parameters<NodeSerialPort['set']>[0], (setError) => {
      if (setError) return refuse(setError);
      line.get((getError, status) => {
        if (getError || (status as { lowLatency?: boolean } | undefined)?.lowLatency !== true)
          refuse(getError);
        else resolve();
      });
    });
  });
}

/** The package reports the reason as text only. */
const OPEN_ERRORS: [pattern: RegExp, code: TransportErrorCode, remedy: string, retryable: boolean][] = [
  [
    /cannot lock|resource busy/i,
    'port-busy',
    'Another program has this line open: stop it (fuser shows which), or give it another line.',
    true,
  ],
  [
    /permission denied/i,
    'permission-denied',
    'Add the user to the group of the device file (often dialout) and log in again, or install the udev rule.',
    false,
  ],
  [/no such file|no such device|enxio/i, 'port-not-found', 'Check the path and the cable.', true],
];

async function openError(
  serial: typeof SerialPackage,
  label: string,
  path: string,
  cause: unknown,
): Promise<TransportError> {
  const message = cause instanceof Error ? cause.message : String(cause);
  const [, code, remedy, retryable] = OPEN_ERRORS.find(([pattern]) => pattern.test(message)) ?? [
    null,
    'open-failed' as const,
    `Check that ${path} is a serial line and takes this baud rate.`,
    false,
  ];
  const known = code === 'port-not-found' ? ` ${await listLines(serial)}` : '';
  return new TransportError(code, `cannot open ${label}: ${message}`, {
    remedy: remedy + known,
    retryable,
    cause,
  });
}

async function listLines(serial: typeof SerialPackage): Promise<string> {
  try {
    const lines = (await serial.SerialPort.list()).map(({ path }) => path);
    return lines.length > 0 ? `Lines present: ${lines.join(', ')}.` : 'No serial line is present.';
  } catch {
    return ''; // throws where udev is missing; the remedy stands without the list
  }
}
