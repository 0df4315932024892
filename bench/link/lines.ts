// The lines of the link bench: raw rates, and what a device behind such a line states as its buffers.
import { twinLimits } from '../../firmware-sim/firmware/index.ts';
import { UART_MAX_PAYLOAD } from '../../src/link/frame/index.ts';
import type { Limits } from '../../src/link/index.ts';
import { BULK_HEADER_BYTES } from '../../src/link/messages/index.ts';

export interface Line {
  /** As in the names of figures. */
  name: '115200' | '0.9MBps' | '25MBps';
  rate_Bps: number;
  limits: Limits;
}

const KIB = 1024;
/** The size of the program whose load is a figure of its own. */
export const UNITS = 1296;
const usb = twinLimits(UNITS);
const UART_CHUNK_BYTES = UART_MAX_PAYLOAD - BULK_HEADER_BYTES;

/** Load windows of link-protocol section 11: 2 frames, 64 KiB, 512 KiB. */
export const LINES = {
  uart: {
    name: '115200',
    rate_Bps: 11_520, // 8N1: ten bit times per byte
    limits: {
      ...usb,
      maxPayload: UART_MAX_PAYLOAD,
      chunkBytes: UART_CHUNK_BYTES,
      loadWindowBytes: 2 * UART_CHUNK_BYTES,
      uartHintBaud: 115_200,
    },
  },
  fullSpeed: { name: '0.9MBps', rate_Bps: 900_000, limits: { ...usb, loadWindowBytes: 64 * KIB } },
  highSpeed: { name: '25MBps', rate_Bps: 25_000_000, limits: { ...usb, loadWindowBytes: 512 * KIB } },
} as const satisfies Record<string, Line>;
