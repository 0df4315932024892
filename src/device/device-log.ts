// What a Device says to the log: every state once, not at every attempt, with the device and what answers there.
import type { ConnectionState } from './connection.ts';
import type { DeviceOptions } from './types.ts';

export class DeviceLog {
  readonly #options: Pick<DeviceOptions, 'onLog'>;
  readonly #facts: () => object;
  /** State and reason of the last line. */
  #logged = '';

  /** `facts` go into every line. */
  constructor(options: Pick<DeviceOptions, 'onLog'>, facts: () => object) {
    this.#options = options;
    this.#facts = facts;
  }

  line(level: 'info' | 'warn' | 'error', message: string, fields: object): void {
    this.#options.onLog?.(level, message, { ...this.#facts(), ...fields });
  }

  state(state: ConnectionState): void {
    const reason = 'reason' in state ? state.reason : null;
    const level = state.name === 'offline' || state.name === 'refused' ? 'warn' : 'info';
    if (state.name === 'connecting' || state.name === 'running') return;
    // Attempts and operations would fill the log: a state is reported when it, or its reason, is another one.
    const seen = `${state.name} ${reason?.code}`;
    if (seen === this.#logged) return;
    this.#logged = seen;
    this.line(level, `device ${state.name}`, { reason: reason?.code, detail: reason?.message });
  }
}
