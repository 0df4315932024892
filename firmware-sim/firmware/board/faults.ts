// Faults of the board (link-protocol section 10): soft ones are reported, latched ones refuse runs until ClearFault.
import type { Fault, FaultCode, Severity } from '../../../src/link/messages/index.ts';

/** As many as DeviceStatus carries; a fault of a code replaces the one before it. */
const FAULTS_MAX = 4;

export class Faults {
  #faults: Fault[] = [];

  raise(code: FaultCode, severity: Severity, facts: { unit: number; value: number; atUs: bigint }): Fault {
    const fault: Fault = { code, severity, ...facts, latched: true };
    this.#faults = [fault, ...this.#faults.filter((f) => f.code !== code)].slice(0, FAULTS_MAX);
    return fault;
  }

  /** Clearing what is not there is fine: that state is what was asked for. */
  clear(code: FaultCode): void {
    this.#faults = this.#faults.filter((fault) => fault.code !== code);
  }

  get list(): readonly Fault[] {
    return this.#faults;
  }
}
