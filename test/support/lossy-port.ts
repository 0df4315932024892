// A port whose line damages what it carries: bytes are dropped or flipped with a seeded probability, in both
// directions. The frame decoder sees only broken frames; everything above sees missing ones.
import type { Port, PortCloseReason } from '../../src/transports/port.ts';
import { seededUniform } from './seeded-random.ts';

export interface Damage {
  /** Probability per byte. */
  drop: number;
  flip: number;
  seed: number;
  /** Bytes at the start of each direction that pass unharmed. */
  spare_bytes?: number;
}

export class LossyPort implements Port {
  readonly label: string;
  readonly #inner: Port;
  readonly #out: (bytes: Uint8Array) => Uint8Array;
  readonly #in: (bytes: Uint8Array) => Uint8Array;

  constructor(inner: Port, damage: Damage) {
    this.#inner = inner;
    this.label = `lossy ${inner.label}`;
    this.#out = damager(damage, damage.seed * 2);
    this.#in = damager(damage, damage.seed * 2 + 1);
  }

  open(signal: AbortSignal): Promise<void> {
    return this.#inner.open(signal);
  }

  write(bytes: Uint8Array): boolean {
    return this.#inner.write(this.#out(bytes));
  }

  get queuedBytes(): number {
    return this.#inner.queuedBytes;
  }

  onData(callback: (bytes: Uint8Array) => void): void {
    this.#inner.onData((bytes) => callback(this.#in(bytes)));
  }

  onDrain(callback: () => void): void {
    this.#inner.onDrain(callback);
  }

  onClosed(callback: (why: PortCloseReason) => void): void {
    this.#inner.onClosed(callback);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

function damager(damage: Damage, seed: number): (bytes: Uint8Array) => Uint8Array {
  const uniform = seededUniform(seed);
  let spared = damage.spare_bytes ?? 0;
  return (bytes) => {
    const out: number[] = [];
    for (const byte of bytes) {
      if (spared > 0) {
        spared -= 1;
        out.push(byte);
        continue;
      }
      const fate = uniform();
      if (fate < damage.drop) continue;
      out.push(fate < damage.drop + damage.flip ? byte ^ (1 << Math.floor(uniform() * 8)) : byte);
    }
    return Uint8Array.from(out);
  };
}
