// What all ports share: who listens, and the promise that `closed` is told exactly once per successful open.
import type { PortCloseReason } from './port.ts';

/** new -> opening -> open -> closed; a port object is opened once, a reconnect makes a new one. */
type PortPhase = 'new' | 'opening' | 'open' | 'closed';

export class PortEvents {
  phase: PortPhase = 'new';
  readonly #data: ((bytes: Uint8Array) => void)[] = [];
  readonly #drain: (() => void)[] = [];
  readonly #closed: ((why: PortCloseReason) => void)[] = [];

  onData(callback: (bytes: Uint8Array) => void): void {
    this.#data.push(callback);
  }

  onDrain(callback: () => void): void {
    this.#drain.push(callback);
  }

  onClosed(callback: (why: PortCloseReason) => void): void {
    this.#closed.push(callback);
  }

  data(bytes: Uint8Array): void {
    if (this.phase !== 'open') return;
    for (const callback of this.#data) callback(bytes);
  }

  drain(): void {
    if (this.phase !== 'open') return;
    for (const callback of this.#drain) callback();
  }

  /** The first call after an open is told, all others are not. */
  closed(why: PortCloseReason): void {
    const wasOpen = this.phase === 'open';
    this.phase = 'closed';
    if (!wasOpen) return;
    for (const callback of this.#closed) callback(why);
  }
}
