// Whether anything is under way on the link: the counts of its two ends agree, or they still differ when the host, asked
// after a while without any change, has looked once more. What is missing then was lost (a line with faults, a port closed
// over unread bytes). Pure.
import type { LinkCount } from './counted-link.ts';

/** Longer than bytes take within one machine, also through a pty whose bridge has to wait for a processor. Real time. */
export const ASK_AFTER_MS = 200;

export type Verdict =
  | { kind: 'agree' | 'under-way' }
  /** The host is to look once more; its answer carries this number. */
  | { kind: 'ask'; look: number }
  /** Nothing is under way, because what is missing was given up just now; below 0: what was given up has arrived. */
  | { kind: 'lost'; toDevice_bytes: number; toHost_bytes: number };

export class Agreement {
  #lostToDevice_bytes = 0;
  #lostToHost_bytes = 0;
  #seen = '';
  #since_ms = 0;
  #looks = 0;
  #asked = false;

  /** `looked`: the number of the last look that the host's count includes. */
  judge(host: LinkCount & { looked: number }, device: LinkCount, real_ms: number): Verdict {
    const toDevice_bytes = host.sent_bytes - device.received_bytes - this.#lostToDevice_bytes;
    const toHost_bytes = device.sent_bytes - host.received_bytes - this.#lostToHost_bytes;
    if (toDevice_bytes === 0 && toHost_bytes === 0) {
      this.#seen = '';
      return { kind: 'agree' };
    }
    const now = [host.sent_bytes, host.received_bytes, device.sent_bytes, device.received_bytes].join();
    if (now !== this.#seen) {
      this.#seen = now;
      this.#since_ms = real_ms;
      this.#asked = false;
    }
    if (!this.#asked) {
      if (real_ms - this.#since_ms < ASK_AFTER_MS) return { kind: 'under-way' };
      this.#asked = true;
      return { kind: 'ask', look: (this.#looks += 1) };
    }
    if (host.looked < this.#looks) return { kind: 'under-way' };
    this.restart(host, device);
    return { kind: 'lost', toDevice_bytes, toHost_bytes };
  }

  /** What the two say now is taken as agreed: another host counts from anew. */
  restart(host: LinkCount, device: LinkCount): void {
    this.#lostToDevice_bytes = host.sent_bytes - device.received_bytes;
    this.#lostToHost_bytes = device.sent_bytes - host.received_bytes;
    this.#seen = '';
  }
}
