// What a line can carry, as far as its address tells: a serial line sends ten bits for a byte (8N1). TCP and USB say nothing.
import { parsePortUrl, type PortAddress } from '../transports/index.ts';

const BITS_PER_BYTE = 10;

/** Bytes per second in one direction, at most; null where the address does not tell. */
export function lineRate_Bps(url: string): number | null {
  try {
    return rateOf(parsePortUrl(url));
  } catch {
    // A port that was handed in has no address of the usual kind.
    return null;
  }
}

function rateOf(address: PortAddress): number | null {
  switch (address.kind) {
    case 'serial':
      return address.baud / BITS_PER_BYTE;
    case 'chaos':
    case 'record':
      return rateOf(address.inner);
    default:
      return null;
  }
}
