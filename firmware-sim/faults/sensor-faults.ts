// What failing sensors say instead of what they measure. Whoever reads a sensor, telemetry or the firmware's own limits,
// is told the same.
import { decay, DRAW } from '../chip/imperfections/draws.ts';
import { philox4x32 } from '../chip/kernel/philox.ts';
import type { FaultRegistry, PlantedFault } from './registry.ts';

/** Values kept of a delayed sensor; more reads than that within the delay are thinned out. */
const KEPT_MAX = 4096;
/** Differences of times in seconds are not exact. */
const ROUNDING_S = 1e-9;

export class SensorFaultEffects {
  readonly #registry: FaultRegistry;
  /** Gone with the fault. */
  readonly #probes = new WeakMap<PlantedFault, Probe>();

  constructor(registry: FaultRegistry) {
    this.#registry = registry;
  }

  /** What the sensor says now, in its own unit; NaN: nothing. */
  read(sensor: string, value: number): number {
    if (this.#registry.empty) return value;
    const now_s = this.#registry.now_s;
    let said = value;
    for (const fault of this.#registry.inForce('sensor')) {
      if (fault.spec.target.sensor !== sensor) continue;
      let probe = this.#probes.get(fault);
      if (probe === undefined) this.#probes.set(fault, (probe = new Probe(fault)));
      said = probe.said(said, now_s);
    }
    return said;
  }
}

/** One fault of one sensor, with what it remembers. */
class Probe {
  readonly #fault: PlantedFault;
  /** Of `stuck` without a value: the first one; of `slow`: where its output stands. */
  #held: number | null = null;
  #heldAt_s = 0;
  /** Of `delayed`. */
  #past: { at_s: number; value: number }[] = [];

  constructor(fault: PlantedFault) {
    this.#fault = fault;
  }

  said(value: number, now_s: number): number {
    const { spec, startsAt_s } = this.#fault;
    const size = spec.magnitude?.value ?? 0;
    switch (spec.type) {
      case 'stuck':
        return spec.magnitude?.value ?? (this.#held ??= value);
      case 'garbage':
        return garbage(spec.seed, size, now_s);
      case 'wrong':
        return spec.magnitude?.unit === 'ratio' ? value * (1 + size) : value + size;
      case 'drift':
        return value + (spec.rate?.value ?? 0) * (now_s - startsAt_s);
      case 'slow':
        return this.#slow(value, now_s, size);
      case 'delayed':
        return this.#delayed(value, now_s, size);
      default: // off, and intermittent while it fails
        return NaN;
    }
  }

  /** A low-pass, exact for a value that stands still between two reads; it begins at the first one. */
  #slow(value: number, now_s: number, timeConstant_s: number): number {
    const held = this.#held ?? value;
    this.#held = value + (held - value) * decay((now_s - this.#heldAt_s) / timeConstant_s);
    this.#heldAt_s = now_s;
    return this.#held;
  }

  /** The newest value that is old enough; until there is one, the first. */
  #delayed(value: number, now_s: number, delay_s: number): number {
    const past = this.#past;
    const last = past.at(-1);
    if (last === undefined || now_s - last.at_s >= delay_s / KEPT_MAX) past.push({ at_s: now_s, value });
    while (past.length > 1 && past[1].at_s <= now_s - delay_s + ROUNDING_S) past.shift();
    return past[0].value;
  }
}

/** Uniform within +-largest, keyed by the microsecond of device time: two readers at one moment hear the same. */
function garbage(seed: number, largest: number, now_s: number): number {
  const at_us = Math.floor(now_s * 1e6);
  const [word] = philox4x32([at_us % 2 ** 32, Math.floor(at_us / 2 ** 32), DRAW.faultSensor, 0], [seed, 0]);
  return (word / 2 ** 31 - 1) * largest;
}
