// The faults that are planted in a twin: which are in force at a moment of device time, and who wants to know of changes.
// Nothing here does damage; core-faults.ts, sensor-faults.ts and the ports ask what is in force and do it.
import { FaultError } from './errors.ts';
import { DUTY_DEFAULT_RATIO, parseFault } from './schema.ts';
import type { FaultLimits, FaultSpec, FaultTarget } from './schema.ts';
import type { FaultComponent } from './vocabulary.ts';

/** More than anybody needs, and few enough to look through at every write. */
export const FAULTS_MAX = 64;

/** A planted fault; the object stays the same as long as the fault is there. */
export interface PlantedFault {
  readonly id: string;
  readonly spec: FaultSpec;
  /** Device time. */
  readonly plantedAt_s: number;
  readonly startsAt_s: number;
  /** Infinity: until cleared. */
  readonly endsAt_s: number;
}

/** A planted fault as clients see it. */
export type FaultView = FaultSpec & {
  readonly id: string;
  readonly plantedAt_s: number;
  readonly startsAt_s: number;
  /** null: when it is cleared. */
  readonly endsAt_s: number | null;
  /** It does damage at this moment. */
  readonly inForce: boolean;
};

export interface FaultRegistryOptions {
  /** Device time: seconds since power on. */
  now_s(): number;
  /** Calls back after that much device time; for faults that set in or end by themselves. */
  after(delay_s: number, callback: () => void): { cancel(): void };
  limits: FaultLimits;
}

const NONE: readonly PlantedFault[] = Object.freeze([]);

export class FaultRegistry {
  readonly limits: FaultLimits;
  readonly #options: FaultRegistryOptions;
  readonly #listeners = new Set<() => void>();
  #faults: readonly PlantedFault[] = NONE;
  #timer: { cancel(): void } | null = null;
  #planted = 0;

  constructor(options: FaultRegistryOptions) {
    this.#options = options;
    this.limits = options.limits;
  }

  /** Nothing is planted: the one question on every hot path. */
  get empty(): boolean {
    return this.#faults === NONE;
  }

  /** Device time, seconds. */
  get now_s(): number {
    return this.#options.now_s();
  }

  /** All that are planted, in force or not yet, in the order of planting. */
  list(): readonly PlantedFault[] {
    this.#expire();
    return this.#faults;
  }

  /** The same, for clients. */
  views(): FaultView[] {
    const now_s = this.now_s;
    return this.list().map((fault) => ({
      id: fault.id,
      ...fault.spec,
      plantedAt_s: fault.plantedAt_s,
      startsAt_s: fault.startsAt_s,
      endsAt_s: fault.endsAt_s === Infinity ? null : fault.endsAt_s,
      inForce: isInForce(fault, now_s),
    }));
  }

  /**
   * Plants a fault, or takes away what `ok` names (then null). Checks everything about the document.
   * @throws {FaultError}
   */
  inject(input: unknown): PlantedFault | null {
    const spec = parseFault(input, this.limits);
    if (spec.type === 'ok') {
      this.#remove(
        ({ spec: { component, target } }) => component === spec.component && covers(spec.target, target),
      );
      return null;
    }
    this.#expire();
    if (this.#faults.length >= FAULTS_MAX) {
      throw new FaultError(
        'too-many-faults',
        `${FAULTS_MAX} faults are planted already`,
        'Clear some first: thermoloop fault clear.',
      );
    }
    const now_s = this.now_s;
    const startsAt_s = now_s + spec.startsAfter_s;
    const fault: PlantedFault = {
      id: `fault-${(this.#planted += 1)}`,
      spec,
      plantedAt_s: now_s,
      startsAt_s,
      endsAt_s: spec.duration_s === undefined ? Infinity : startsAt_s + spec.duration_s,
    };
    this.#set([...this.#faults, fault]);
    return fault;
  }

  /** @throws {FaultError} unknown-fault */
  clear(id: string): void {
    if (this.#remove((fault) => fault.id === id) > 0) return;
    const known = this.list().map((fault) => fault.id);
    throw new FaultError(
      'unknown-fault',
      `there is no fault "${id}"`,
      known.length === 0 ? 'None is planted.' : `Planted are: ${known.join(', ')}.`,
    );
  }

  /** Returns how many there were. */
  clearAll(): number {
    return this.#remove(() => true);
  }

  /** What does damage to a component now, in the order of planting. */
  inForce(component: FaultComponent): readonly PlantedFault[] {
    if (this.empty) return NONE;
    const now_s = this.now_s;
    return this.#faults.filter((fault) => fault.spec.component === component && isInForce(fault, now_s));
  }

  /** Calls back when a fault is planted, sets in, ends or is cleared (not at each window of an intermittent one). */
  onChange(callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  /** Stops the timer; what is planted stays listed. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #expire(): void {
    const now_s = this.now_s;
    if (this.#faults.some((fault) => fault.endsAt_s <= now_s))
      this.#remove((fault) => fault.endsAt_s <= now_s);
  }

  #remove(which: (fault: PlantedFault) => boolean): number {
    const kept = this.#faults.filter((fault) => !which(fault));
    const removed = this.#faults.length - kept.length;
    if (removed > 0) this.#set(kept);
    return removed;
  }

  #set(faults: readonly PlantedFault[]): void {
    this.#faults = faults.length === 0 ? NONE : faults;
    this.#arm();
    for (const listener of [...this.#listeners]) listener();
  }

  /** Wakes at the next moment at which a fault sets in or ends. */
  #arm(): void {
    this.close();
    const now_s = this.now_s;
    const moments = this.#faults
      .flatMap(({ startsAt_s, endsAt_s }) => [startsAt_s, endsAt_s])
      .filter((at_s) => at_s > now_s && at_s < Infinity);
    if (moments.length === 0) return;
    this.#timer = this.#options.after(Math.min(...moments) - now_s, () => this.#wake());
  }

  #wake(): void {
    this.#timer = null;
    const before = this.#faults;
    this.#expire();
    if (this.#faults === before) this.#set(before);
  }
}

function isInForce({ spec, startsAt_s, endsAt_s }: PlantedFault, now_s: number): boolean {
  if (now_s < startsAt_s || now_s >= endsAt_s) return false;
  if (spec.period_s === undefined) return true;
  return (now_s - startsAt_s) % spec.period_s < spec.period_s * (spec.duty_ratio ?? DUTY_DEFAULT_RATIO);
}

/** Whether clearing `wide` clears what is planted at `target`; no target is everything. */
function covers(wide: FaultTarget, target: FaultTarget): boolean {
  return (Object.keys(wide) as (keyof FaultTarget)[]).every((key) => {
    const [a, b] = [wide[key], target[key]];
    if (a === undefined) return true;
    if (!Array.isArray(a)) return a === b;
    return Array.isArray(b) && Math.min(...a) === Math.min(...b) && Math.max(...a) === Math.max(...b);
  });
}
