// One worker's view of the WebAssembly kernel: lays a block of replicas out in the shared memory, drives it through the
// phases of a plan in short chunks, and reads the state back as converter codes.
import * as L from './assembly/layout.ts';
import type { PhasePlan, RunPlan } from './coefficients.ts';
import type { Words4 } from './philox.ts';

/** Replicas a worker advances together: couplings are read once for all of them. */
export const BLOCK_MAX = 32;
const PAGE = 65536;
const align = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;
const padded = (units: number): number => align(units, 4);

/** Bytes of the packed couplings, and of one worker's area, for at most `unitsMax` units. */
function couplingBytes(unitsMax: number): number {
  return padded(unitsMax) ** 2 * 2;
}
function areaBytes(unitsMax: number): number {
  const perUnit = 4 * 4 + BLOCK_MAX * (4 + 2 + 2);
  return align(L.S_BYTES + padded(unitsMax) * perUnit, 64);
}

/** The shared memory of a core: sized once, for the largest program and all workers. */
export function createKernelMemory(unitsMax: number, threads: number): WebAssembly.Memory {
  const pages = Math.ceil((areaAddress(unitsMax, threads) + 64) / PAGE);
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

/** Where worker `index` has its area. */
export function areaAddress(unitsMax: number, index: number): number {
  return align(L.COUPLINGS + couplingBytes(unitsMax), 64) + index * areaBytes(unitsMax);
}

export function writeGaussianTable(memory: WebAssembly.Memory, table: Int16Array): void {
  new Int16Array(memory.buffer, L.TABLE, table.length).set(table);
}

/** Packs the codes of the pairs i < j as the tile wants them: [row tile of 4][column pair][row][column], zero padded. */
export function writeCouplings(memory: WebAssembly.Memory, units: number, couplingCode: Int16Array): void {
  const size = padded(units);
  const out = new Int16Array(memory.buffer, L.COUPLINGS, size * size).fill(0);
  const place = (row: number, column: number): number =>
    (row >> 2) * size * 4 + (column >> 1) * 8 + (row & 3) * 2 + (column & 1);
  let at = 0;
  for (let i = 0; i < units; i++) {
    for (let j = i + 1; j < units; j++) {
      out[place(i, j)] = out[place(j, i)] = couplingCode[at++];
    }
  }
}

interface Exports {
  advance(area: number, count: number): void;
  philoxBlock(area: number, c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): void;
}

/** Steps that take roughly 20 ms, so that a run can be abandoned between chunks; the results do not depend on it. */
function chunkSteps(units: number, replicas: number, coupled: boolean): number {
  const perStep_s = replicas * (units * 30e-9 + (coupled ? units * units * 6e-11 : 0));
  return Math.max(1, Math.floor(20e-3 / perStep_s));
}

/** A block of replicas as it lies in memory: state [group][unit][replica in group], in Q27. */
interface Block {
  units: number;
  count: number;
  groups: number;
  state: Int32Array;
  field: Int32Array;
}

function stateIndex(block: Block, replica: number, unit: number): number {
  const group = Math.floor(replica / L.GROUP);
  return (group * block.units + unit) * L.GROUP + (replica % L.GROUP);
}

export class Kernel {
  readonly #memory: WebAssembly.Memory;
  readonly #exports: Exports;
  readonly #area: number;
  readonly #parameters: DataView;
  #block: Block | null = null;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, area: number) {
    this.#memory = memory;
    this.#exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports;
    this.#area = area;
    this.#parameters = new DataView(memory.buffer, area, L.S_BYTES);
  }

  /**
   * Runs samples `first` .. `first + count - 1` of a plan (indices within the run, count <= BLOCK_MAX).
   * Returns readout codes [count][reads][units], or null when `stopped` said so between two chunks.
   */
  runBlock(
    plan: RunPlan,
    first: number,
    count: number,
    stopped: () => boolean,
  ): Int16Array<ArrayBuffer> | null {
    const block = this.#layOut(plan, plan.firstSample + first, count);
    this.#block = block;
    const out = new Int16Array(count * plan.reads * plan.units);
    let read = 0;
    for (const phase of plan.phases) {
      this.#enter(block, phase);
      const chunk = chunkSteps(plan.units, block.groups * L.GROUP, phase.coupled);
      let done = 0;
      const advanceTo = (stop: number): boolean => {
        while (done < stop) {
          if (stopped()) return false;
          const steps = Math.min(stop - done, chunk);
          this.#exports.advance(this.#area, steps);
          done += steps;
        }
        return true;
      };
      for (const stop of phase.readAtStep) {
        if (!advanceTo(stop)) return null;
        this.#readInto(out, block, plan, read++);
      }
      if (!advanceTo(phase.steps)) return null;
    }
    return out;
  }

  /** States in Q27 after the last block, [replica][unit]: what the tests hold to the oracle, bit for bit. */
  finalState(units: number): Int32Array {
    const block = this.#block;
    if (block === null) return new Int32Array(0);
    const out = new Int32Array(block.count * units);
    for (let k = 0; k < block.count; k++) {
      for (let unit = 0; unit < units; unit++)
        out[k * units + unit] = block.state[stateIndex(block, k, unit)];
    }
    return out;
  }

  /** One Philox block as the kernel computes it; for known-answer tests. */
  philox(counter: Readonly<Words4>, key: readonly [number, number]): Words4 {
    this.#exports.philoxBlock(this.#area, ...counter, ...key);
    const word = (q: number): number => this.#parameters.getUint32(L.S_WORDS + 16 * q, true);
    return [word(0), word(1), word(2), word(3)];
  }

  /** Lays out the arrays behind the parameter block, writes the run's constants, sets every state to 0. */
  #layOut(plan: RunPlan, firstSample: number, count: number): Block {
    const units = padded(plan.units);
    const groups = Math.ceil(count / L.GROUP);
    const buffer = this.#memory.buffer;
    let next = this.#area + L.S_BYTES;
    const take = (word: number, bytes: number): number => {
      const address = next;
      this.#parameters.setUint32(word, address, true);
      next += bytes;
      return address;
    };
    const perUnit = (word: number, values: ArrayLike<number>): Int32Array => {
      const array = new Int32Array(buffer, take(word, units * 4), units).fill(0);
      array.set(values);
      return array;
    };
    perUnit(L.P_J2, plan.j2Multiplier);
    perUnit(L.P_J4, plan.j4Multiplier);
    perUnit(L.P_BIAS, plan.biasCode);
    const field = perUnit(L.P_FIELD, []);
    const lanes = units * groups * L.GROUP;
    const state = new Int32Array(buffer, take(L.P_STATE, lanes * 4), lanes).fill(0);
    new Int16Array(buffer, take(L.P_CODES, lanes * 2), lanes).fill(0);
    new Int16Array(buffer, take(L.P_CODES_NEXT, lanes * 2), lanes).fill(0);
    this.#set([
      [L.P_UNITS_PADDED, units],
      [L.P_GROUPS, groups],
      [L.P_FIRST_SAMPLE, firstSample],
      [L.P_STEP, 0],
      [L.P_KEY_LOW, plan.seedLow],
      [L.P_KEY_HIGH, plan.seedHigh],
      [L.P_COUPLING_MULTIPLIER, plan.couplingMultiplier],
      [L.P_COUPLING_DROP, Math.max(0, -plan.couplingExponent)],
      [L.P_COUPLING_GROW, Math.max(0, plan.couplingExponent)],
      [L.P_BIAS_MULTIPLIER, plan.biasMultiplier],
    ]);
    return { units, count, groups, state, field };
  }

  #enter(block: Block, phase: PhasePlan): void {
    block.field.fill(0);
    if (phase.fieldCode) block.field.set(phase.fieldCode);
    this.#set([
      [L.P_PHASE_STEP, 0],
      [L.P_PHASE_STEPS, phase.steps],
      [L.P_COUPLED, phase.coupled ? 1 : 0],
      [L.P_FIELD_MULTIPLIER, phase.fieldMultiplier],
      [L.P_FIELD_FROM, phase.from_q15],
      [L.P_FIELD_TO, phase.to_q15],
      [L.P_NOISE_MULTIPLIER, phase.noiseMultiplier],
    ]);
  }

  /** Words of the parameter block; the low 32 bits count, signed or not. */
  #set(words: readonly (readonly [offset: number, value: number])[]): void {
    for (const [offset, value] of words) this.#parameters.setUint32(offset, value, true);
  }

  /** Converts all states of a block to readout codes: Q27 to 2^-10 of x, rounded, clamped to 12 bits. */
  #readInto(out: Int16Array, block: Block, plan: RunPlan, read: number): void {
    for (let k = 0; k < block.count; k++) {
      const to = (k * plan.reads + read) * plan.units;
      for (let unit = 0; unit < plan.units; unit++) {
        const code = (block.state[stateIndex(block, k, unit)] + (1 << 16)) >> 17;
        out[to + unit] = Math.max(-2047, Math.min(2047, code));
      }
    }
  }
}
