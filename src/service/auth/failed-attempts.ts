// Addresses that fail to authenticate over and over are refused before their key is looked up, until their minute is over.
// Keys that worked from there go on working: behind one address sit many people, and one of them has an expired key.
import { isIPv6 } from 'node:net';
import type { Clock } from '../../clock/clock.ts';

/** Enough for somebody who mistypes; a guess at 256 bits needs more. */
export const FAILURES_PER_MINUTE = 120;
const WINDOW_MS = 60_000;
/** Of each kind; the oldest are forgotten first. An entry takes about 150 bytes. */
const ENTRIES_MAX = 10_000;

export class FailedAttempts {
  readonly #clock: Clock;
  readonly #perMinute: number;
  readonly #failures = new Map<string, { count: number; until_ms: number }>();
  readonly #worked = new Set<string>();

  constructor(clock: Clock, perMinute = FAILURES_PER_MINUTE) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /** Seconds until this address is listened to again; null: now. @param keyId of the key that it shows, if any */
  refusedFor_s(address: string, keyId: string | null): number | null {
    const place = placeOf(address);
    const entry = this.#failures.get(place);
    if (entry === undefined || entry.count < this.#perMinute) return null;
    const left_ms = entry.until_ms - this.#clock.now_ms();
    if (left_ms <= 0 || (keyId !== null && this.#worked.has(`${place} ${keyId}`))) return null;
    return Math.ceil(left_ms / 1000);
  }

  failed(address: string, keyId: string | null): void {
    const place = placeOf(address);
    const now_ms = this.#clock.now_ms();
    const entry = this.#failures.get(place);
    if (keyId !== null) this.#worked.delete(`${place} ${keyId}`);
    if (entry !== undefined && entry.until_ms > now_ms) entry.count += 1;
    else {
      this.#failures.delete(place);
      this.#failures.set(place, { count: 1, until_ms: now_ms + WINDOW_MS });
      forgetOldest(this.#failures);
    }
  }

  worked(address: string, keyId: string): void {
    const name = `${placeOf(address)} ${keyId}`;
    if (this.#worked.has(name)) return;
    this.#worked.add(name);
    forgetOldest(this.#worked);
  }
}

/** An address, and of IPv6 the first 64 bits: whoever has one such network has all its addresses. */
function placeOf(address: string): string {
  const mapped = /^::ffff:(\d[\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head, tail = ''] = address.split('%')[0].toLowerCase().split('::');
  const front = head.split(':').filter((part) => part !== '');
  const back = tail.split(':').filter((part) => part !== '');
  const zeros = address.includes('::') ? Math.max(0, 8 - front.length - back.length) : 0;
  return [...front, ...new Array<string>(zeros).fill('0'), ...back].slice(0, 4).join(':');
}

function forgetOldest(entries: {
  size: number;
  keys(): Iterator<string>;
  delete(key: string): unknown;
}): void {
  while (entries.size > ENTRIES_MAX) {
    const oldest = entries.keys().next();
    if (oldest.done === true) return;
    entries.delete(oldest.value);
  }
}
