// Retransmission timeout after RFC 6298, with our floors and the transmission time of what is queued ahead
// (link-protocol section 8). Karn's rule, no samples from repeated requests, is the caller's.

/** First timeout before any measurement: RFC 6298, rule 2.1. */
const INITIAL_RTO_MS = 1000;
/** Upper bound of a timeout and of its doubling: section 8. */
export const MAX_RTO_MS = 2000;
/** USB and TCP: p99 of an echo is 8 ms, its worst 11 ms (section 13.2), schedulers add the rest. */
export const RTO_FLOOR_USB_MS = 50;
/** UART: one frame takes 56 ms at 115,200 baud. */
export const RTO_FLOOR_UART_MS = 200;
/** Planning rate of full-speed USB, section 12; the clean loopback of a twin is faster, which only costs patience. */
const USB_RATE_BYTES_PER_MS = 900;
/** 8N1: ten bit times per byte. */
const UART_BITS_PER_BYTE = 10;

export class RttEstimator {
  readonly #floor_ms: number;
  readonly #rate_bytesPerMs: number;
  #srtt_ms: number | null = null;
  #rttvar_ms: number | null = null;

  /** `uartHintBaud` as in Limits: 0 on native USB and TCP. */
  constructor(uartHintBaud: number) {
    this.#floor_ms = uartHintBaud > 0 ? RTO_FLOOR_UART_MS : RTO_FLOOR_USB_MS;
    this.#rate_bytesPerMs =
      uartHintBaud > 0 ? uartHintBaud / UART_BITS_PER_BYTE / 1000 : USB_RATE_BYTES_PER_MS;
  }

  get srtt_ms(): number | null {
    return this.#srtt_ms;
  }

  get rttvar_ms(): number | null {
    return this.#rttvar_ms;
  }

  /** Takes one round trip of a request that was sent once. */
  sample(rtt_ms: number): void {
    if (!(rtt_ms >= 0) || !Number.isFinite(rtt_ms)) return;
    if (this.#srtt_ms === null || this.#rttvar_ms === null) {
      this.#srtt_ms = rtt_ms; // RFC 6298, rule 2.2
      this.#rttvar_ms = rtt_ms / 2;
      return;
    }
    // Rule 2.3, in this order: the deviation is taken from the old mean.
    this.#rttvar_ms = 0.75 * this.#rttvar_ms + 0.25 * Math.abs(this.#srtt_ms - rtt_ms);
    this.#srtt_ms = 0.875 * this.#srtt_ms + 0.125 * rtt_ms;
  }

  /** SRTT + 4 RTTVAR between floor and ceiling. */
  get rto_ms(): number {
    if (this.#srtt_ms === null || this.#rttvar_ms === null) return INITIAL_RTO_MS;
    return Math.min(MAX_RTO_MS, Math.max(this.#floor_ms, this.#srtt_ms + 4 * this.#rttvar_ms));
  }

  /** How long `bytes` take on the wire at the planning rate of the link. */
  transmission_ms(bytes: number): number {
    return bytes / this.#rate_bytesPerMs;
  }
}
