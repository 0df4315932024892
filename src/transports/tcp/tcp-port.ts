// The same bytes over TCP: twins in their own process and serial lines behind a network bridge.
import { Socket } from 'node:net';
import type { Clock } from '../../clock/clock.ts';
import { attemptOpen } from '../open-attempt.ts';
import { PortEvents } from '../port-events.ts';
import { TransportError } from '../port.ts';
import type { Port, PortCloseReason, TransportErrorCode } from '../port.ts';

export interface TcpPortOptions {
  host: string;
  port: number;
  clock: Clock;
  openTimeout_ms: number;
}

/** How long close() lets the last bytes leave before it cuts the connection. */
const CLOSE_GRACE_MS = 500;

export class TcpPort implements Port {
  readonly label: string;
  readonly #events = new PortEvents();
  readonly #options: TcpPortOptions;
  readonly #socket = new Socket();
  #failure: NodeJS.ErrnoException | null = null;

  constructor(options: TcpPortOptions) {
    this.#options = options;
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    this.label = `tcp://${host}:${options.port}`;
    // Small requests must not wait for an acknowledgement of the last one (Nagle).
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (bytes) => this.#events.data(bytes));
    this.#socket.on('drain', () => this.#events.drain());
    this.#socket.on('error', (error) => (this.#failure = error));
    this.#socket.on('close', () => this.#events.closed(this.#closeReason()));
  }

  open(signal: AbortSignal): Promise<void> {
    const { host, port, clock, openTimeout_ms } = this.#options;
    return attemptOpen({
      events: this.#events,
      label: this.label,
      clock,
      timeout_ms: openTimeout_ms,
      signal,
      timeoutRemedy: 'Check address and firewall; a host that is switched off gives no answer at all.',
      start: () =>
        new Promise((resolve, reject) => {
          this.#socket.once('connect', resolve);
          this.#socket.once('close', () => reject(openError(this.label, this.#failure)));
          this.#socket.connect({ host, port });
        }),
      abandon: () => this.#socket.destroy(),
    });
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#events.phase !== 'open' || !this.#socket.writable) return false;
    return this.#socket.write(Buffer.from(bytes)); // a copy: the socket keeps what the kernel does not take at once
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
    const wasOpen = this.#events.phase === 'open';
    this.#events.closed({ code: 'asked', message: `${this.label} closed` });
    if (this.#socket.closed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    if (!wasOpen) {
      this.#socket.destroy();
      return closed;
    }
    const cut = this.#options.clock.after(CLOSE_GRACE_MS, () => this.#socket.destroy());
    this.#socket.destroySoon();
    await closed;
    cut.cancel();
  }

  #closeReason(): PortCloseReason {
    if (this.#failure === null) {
      return { code: 'disconnected', message: `${this.label}: the other end closed the connection` };
    }
    const { message } = this.#failure;
    return { code: 'error', message: `${this.label}: ${message}`, cause: this.#failure };
  }
}

const START_IT = 'Start the device or the twin first (thermoloop twin --tcp PORT), and check host and port.';
const OPEN_ERRORS: Record<string, [code: TransportErrorCode, remedy: string, retryable: boolean]> = {
  ECONNREFUSED: ['connection-refused', START_IT, true],
  ENOTFOUND: ['port-not-found', 'Check the spelling of the host name, or use its address.', false],
  EAI_AGAIN: ['port-not-found', 'The name service does not answer; use the address of the host.', true],
  ETIMEDOUT: ['open-timeout', 'Check address and firewall.', true],
  EACCES: ['permission-denied', 'This process may not connect there; check firewall and sandbox.', false],
};

function openError(label: string, failure: NodeJS.ErrnoException | null): TransportError {
  const errno = failure?.code ?? '';
  const [code, remedy, retryable] = OPEN_ERRORS[errno] ?? [
    'open-failed' as const,
    'Check address, route and network.',
    true,
  ];
  const why = failure?.message ?? 'the connection closed';
  return new TransportError(code, `cannot open ${label}: ${why}`, { remedy, retryable, cause: failure });
}
