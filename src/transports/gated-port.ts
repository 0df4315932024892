// A port whose gate can shut: no byte is written after that, and the port closes instead. What shuts it may be the end of a
// lease, which a process that was frozen has to meet before it writes anything.
import type { HostTap, Port, PortCloseReason } from './port.ts';

/** `isOpen` is asked before every write; `why` is what the port says when it closed for it. */
export function gated(port: Port, isOpen: () => boolean, why: string): Port {
  return new GatedPort(port, isOpen, why);
}

class GatedPort implements Port {
  readonly #port: Port;
  readonly #isOpen: () => boolean;
  readonly #why: string;
  #isShut = false;

  constructor(port: Port, isOpen: () => boolean, why: string) {
    this.#port = port;
    this.#isOpen = isOpen;
    this.#why = why;
  }

  get label(): string {
    return this.#port.label;
  }

  get queuedBytes(): number {
    return this.#port.queuedBytes;
  }

  get tap(): HostTap | undefined {
    return this.#port.tap;
  }

  open(signal: AbortSignal): Promise<void> {
    return this.#port.open(signal);
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#isShut && this.#isOpen()) return this.#port.write(bytes);
    this.#isShut = true;
    void this.#port.close();
    return false;
  }

  onData(callback: (bytes: Uint8Array) => void): void {
    this.#port.onData(callback);
  }

  onDrain(callback: () => void): void {
    this.#port.onDrain(callback);
  }

  onClosed(callback: (why: PortCloseReason) => void): void {
    this.#port.onClosed((why) => callback(this.#isShut ? { code: 'error', message: this.#why } : why));
  }

  close(): Promise<void> {
    return this.#port.close();
  }
}
