// The field slots of a device: which field goes where, and bringing those of a schedule into the device together.
import type { Link } from '../link/index.ts';
import type { FieldImage } from './field-images.ts';

/**
 * What this host has put into which slot, for choosing the one that was used least recently. Only a choice: what is in the
 * device, the device says by digest, so a reboot or another host costs a load and nothing else.
 */
export class FieldSlots {
  /** Slot of each field, the least recently used first. */
  readonly #slotOf = new Map<string, number>();

  /** Slots for these fields, at most `slots` of them; they count as used now, and none takes the place of another. */
  take(ids: readonly string[], slots: number): number[] {
    for (const id of ids) this.#use(id, slots);
    return ids.map((id) => this.#slotOf.get(id) ?? this.#place(id, slots));
  }

  #use(id: string, slots: number): void {
    const slot = this.#slotOf.get(id);
    if (slot === undefined) return;
    this.#slotOf.delete(id);
    if (slot < slots) this.#slotOf.set(id, slot);
  }

  #place(id: string, slots: number): number {
    const taken = new Set(this.#slotOf.values());
    let slot = 0;
    while (taken.has(slot)) slot += 1;
    if (slot >= slots) {
      const [oldest] = this.#slotOf.entries();
      slot = oldest[1];
      this.#slotOf.delete(oldest[0]);
    }
    this.#slotOf.set(id, slot);
    return slot;
  }
}

/**
 * Loads what of these fields the device has not, and resolves once it has all of them, with the bytes that were sent.
 * Rejects with LinkError.
 */
export async function loadFields(
  link: Link,
  fields: readonly FieldImage[],
  slots: FieldSlots,
  signal: AbortSignal | undefined,
): Promise<number> {
  const ids = fields.map(({ id }) => id);
  const banks = slots.take(ids, link.identity.limits.fieldSlots);
  let sentBytes = 0;
  // A field may lie in another slot than this host knows of, and be overwritten by the next: asked until all are there.
  for (let round = 0; round < fields.length; round++) {
    let isAllThere = true;
    for (const [k, { id, bytes, units }] of fields.entries()) {
      const load = await link.load(bytes, { kind: 'field', id, units, bank: banks[k], signal });
      sentBytes += load.sentBytes;
      isAllThere &&= load.skipped;
    }
    if (isAllThere) break;
  }
  return sentBytes;
}
