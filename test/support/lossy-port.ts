// A port whose line damages what it carries, by the chaos wrapper of the transports: bytes are dropped or flipped with a
// seeded probability, in both directions. The frame decoder sees only broken frames; everything above sees missing ones.
import { systemClock } from '../../src/clock/clock.ts';
import { ChaosPort, type Port } from '../../src/transports/index.ts';

export interface Damage {
  /** Probability per byte. */
  drop: number;
  flip: number;
  seed: number;
  /** Bytes at the start of each direction that pass unharmed. */
  spare_bytes?: number;
}

export function lossyPort(inner: Port, { seed, ...faults }: Damage): Port {
  return new ChaosPort(inner, { faults: { out: faults, in: faults }, seed, clock: systemClock });
}
