// What one readout fault makes of the codes of a batch, unit by unit. Reads of all samples of a run form one row in time;
// a fault that remembers (stuck, delayed) remembers along it.
import type { CodesOfRun } from '../chip/core-faults.ts';
import { decay, DRAW } from '../chip/imperfections/draws.ts';
import { philox4x32 } from '../chip/kernel/philox.ts';
import type { PlantedFault } from './registry.ts';

const CODE_MAX = 2047;

export class ReadoutColumn {
  readonly #fault: PlantedFault;
  /** Of `stuck` without a code: what each unit got stuck at. */
  readonly #heldCode = new Map<number, number>();
  /** Of `delayed`: the codes of each unit that are still to come. */
  readonly #late = new Map<number, number[]>();
  /** The sample that would continue the run seen last. */
  #expected: { seed: bigint; sample: number } | null = null;

  constructor(fault: PlantedFault) {
    this.#fault = fault;
  }

  /** Damages codes [samples][reads][units] in place. */
  damage(codes: Int16Array, of: CodesOfRun, now_s: number): void {
    this.#follow(of);
    const { target } = this.#fault.spec;
    for (let unit = target.unit ?? 0; unit <= (target.unit ?? of.units - 1); unit++) {
      if (unit >= of.units) return;
      const change = this.#changeOf(unit, of, now_s);
      for (let record = 0, at = unit; at < codes.length; record++, at += of.units) {
        codes[at] = clamp(change(codes[at], record));
      }
    }
  }

  /** Another run, or a gap: what was on its way is lost. */
  #follow({ run }: CodesOfRun): void {
    const continues = this.#expected?.seed === run.seed && this.#expected.sample === run.firstSample;
    if (!continues) this.#late.clear();
    this.#expected = { seed: run.seed, sample: run.firstSample + run.samples };
  }

  #changeOf(unit: number, of: CodesOfRun, now_s: number): (code: number, record: number) => number {
    const { spec, startsAt_s } = this.#fault;
    const size = spec.magnitude?.value ?? 0;
    switch (spec.type) {
      case 'stuck':
        return this.#stuck(unit, spec.magnitude?.value);
      case 'garbage':
        return garbage(spec.seed, spec.magnitude?.value ?? CODE_MAX, unit, of);
      case 'wrong':
        return wrong(size, spec.magnitude?.unit === 'ratio');
      case 'drift':
        return wrong((spec.rate?.value ?? 0) * (now_s - startsAt_s), spec.rate?.unit === 'ratio_per_s');
      case 'slow':
        return slow(size, of);
      case 'delayed':
        return this.#delayed(unit, size);
      default: // off, and intermittent while it fails
        return () => 0;
    }
  }

  #stuck(unit: number, level: number | undefined): (code: number) => number {
    if (level !== undefined) return () => level;
    return (code) => {
      const held = this.#heldCode.get(unit);
      if (held !== undefined) return held;
      this.#heldCode.set(unit, code);
      return code;
    };
  }

  #delayed(unit: number, reads: number): (code: number) => number {
    const late = this.#late.get(unit) ?? new Array<number>(reads).fill(0);
    this.#late.set(unit, late);
    return (code) => {
      late.push(code);
      return late.shift() ?? 0;
    };
  }
}

const clamp = (code: number): number => Math.max(-CODE_MAX, Math.min(CODE_MAX, Math.floor(code + 0.5)));

function wrong(error: number, isGain: boolean): (code: number) => number {
  return isGain ? (code) => code * (1 + error) : (code) => code + error;
}

/** Uniform within +-largest, keyed by the run's seed and by sample, read and unit. */
function garbage(seed: number, largest: number, unit: number, { run, reads }: CodesOfRun) {
  const key = [(Number(run.seed & 0xffffffffn) ^ seed) >>> 0, Number(run.seed >> 32n)] as const;
  return (_code: number, record: number): number => {
    const sample = run.firstSample + Math.floor(record / reads);
    const [word] = philox4x32([sample, unit, record % reads, DRAW.faultReadout], key);
    return Math.floor((word / 2 ** 32) * (2 * largest + 1)) - largest;
  };
}

/**
 * y' = (x - y) / time constant between the reads of a restart, from y = 0 at its beginning; y is what is delivered. Levels of
 * the reference have no times: each is held until it has settled.
 */
function slow(timeConstant_ns: number, { run, reads }: CodesOfRun): (code: number, record: number) => number {
  if (run.reference) return (code) => code;
  const at_ns = readTimes_ns(run);
  const kept = at_ns.map((time, read) => decay((time - (at_ns[read - 1] ?? 0)) / timeConstant_ns));
  let y = 0;
  return (code, record) => {
    const read = record % reads;
    if (read === 0) y = 0;
    y = code + (y - code) * kept[read];
    return y;
  };
}

/** Times of the reads of one restart since its beginning. */
function readTimes_ns({ phases, step_ns }: CodesOfRun['run']): number[] {
  let before = 0;
  return phases.flatMap(({ steps, readAtStep }) => {
    const start = before;
    before += steps;
    return readAtStep.map((step) => (start + step) * step_ns);
  });
}
