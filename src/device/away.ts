// Who wants a device to stay away, and why: an operator, or a host that may not drive it now.
import type { DeviceReason } from './errors.ts';

export class AwayBy {
  readonly #reasons = new Map<string, DeviceReason>();

  /** The latest one; null: nobody. */
  get reason(): DeviceReason | null {
    return [...this.#reasons.values()].at(-1) ?? null;
  }

  add(by: string, reason: DeviceReason): void {
    this.#reasons.delete(by);
    this.#reasons.set(by, reason);
  }

  /** False when it had not asked. */
  delete(by: string): boolean {
    return this.#reasons.delete(by);
  }
}
