// A device that several hosts can reach, as one of them sees it: its own link while it drives the device, and what the host
// that does says of it otherwise. Everything else of a Device is as it was: operations are refused while it is not driven here.
import type { ClockFacts } from '../clock/clock.ts';
import { Device } from './device.ts';
import type { DeviceReason } from './errors.ts';
import type { DeviceFault } from './faults.ts';
import type { DeviceBackend, DeviceCapabilities, DeviceIdentity, DeviceStateName } from './types.ts';

/** What its driver says of a device. JSON-safe. */
export interface DeviceFacts {
  state: DeviceStateName;
  reason: DeviceReason | null;
  backend: DeviceBackend | null;
  identity: DeviceIdentity | null;
  capabilities: DeviceCapabilities | null;
  clock: ClockFacts;
  faultsActive: boolean;
  faults: readonly DeviceFault[];
}

export class SharedDevice extends Device {
  readonly #followers = new Set<() => void>();
  #facts: DeviceFacts | null = null;
  #followed = 0;

  /** Shows what another host says; null: what this one knows. */
  follow(facts: DeviceFacts | null): void {
    if (JSON.stringify(facts) === JSON.stringify(this.#facts)) return;
    this.#facts = facts;
    this.#followed += 1;
    for (const callback of [...this.#followers]) callback();
  }

  /** What this host can say of it. */
  facts(): DeviceFacts {
    const { state, reason, backend, identity, capabilities, clock, faultsActive, faults } = this;
    return { state, reason, backend, identity, capabilities, clock, faultsActive, faults };
  }

  override get state(): DeviceStateName {
    return this.#facts?.state ?? super.state;
  }

  override get reason(): DeviceReason | null {
    return this.#facts === null ? super.reason : this.#facts.reason;
  }

  override get backend(): DeviceBackend | null {
    return this.#facts === null ? super.backend : this.#facts.backend;
  }

  override get identity(): DeviceIdentity | null {
    return this.#facts === null ? super.identity : this.#facts.identity;
  }

  override get capabilities(): DeviceCapabilities | null {
    return this.#facts === null ? super.capabilities : this.#facts.capabilities;
  }

  override get clock(): ClockFacts {
    return this.#facts?.clock ?? super.clock;
  }

  override get faultsActive(): boolean {
    return this.#facts?.faultsActive ?? super.faultsActive;
  }

  override get faults(): readonly DeviceFault[] {
    return this.#facts?.faults ?? super.faults;
  }

  override get revision(): number {
    return super.revision + this.#followed;
  }

  override onChange(callback: () => void): () => void {
    this.#followers.add(callback);
    const stop = super.onChange(callback);
    return () => {
      this.#followers.delete(callback);
      stop();
    };
  }
}
