// One worker's view of the WebAssembly kernel: lays a block of replicas out in the shared memory, drives it through the
// phases of a plan in short chunks, and reads the state back as converter codes.
import * as L from './assembly/layout.ts';
import type { PhasePlan, RunPlan } from './coefficients.ts';
import { freshWeight } from './coefficients.ts';
import { voltageCode, voltageState } from './oscillator.ts';
import type { Words4 } from './philox.ts';

/** Replicas a worker advances together: couplings are read once for all of them. */
export const BLOCK_MAX = 32;
const PAGE = 65536;
const align = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;
const padded = (units: number): number => align(units, 4);

/** Bytes of the packed couplings with their ranges, and of one worker's area, for at most `unitsMax` units. */
function couplingBytes(unitsMax: number): number {
  return padded(unitsMax) ** 2 * 2 + (padded(unitsMax) / 4) * L.R_BYTES;
}
function areaBytes(unitsMax: number): number {
  const perUnit = L.U_BYTES + 8 + 4 + 4 + BLOCK_MAX * (4 + 2 + 2 + 4 + 4);
  return align(L.S_BYTES + padded(unitsMax) * perUnit, 64);
}

/** Bytes that a twin needs per unit of its largest program beside the couplings, per worker thread. */
export const areaBytesPerUnit = (unitsMax: number): number => areaBytes(unitsMax) / unitsMax;

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

/** Which column pairs of a tile of 4 rows are multiplied: all, or from its first to its last coupling. */
export type ProductPath = 'dense' | 'masked';

const rangesAddress = (units: number): number => L.COUPLINGS + padded(units) ** 2 * 2;

/**
 * Packs an N x N matrix as the tile wants it, [row tile of 4][column pair][row][column], zero padded; of each tile the
 * column pairs from its first to its last coupling, tile after tile without gaps, and behind them a record of what there
 * is. A dense matrix is its own range, so 'masked' is right for every program.
 */
export function writeCouplings(
  memory: WebAssembly.Memory,
  units: number,
  couplingCode: Int16Array,
  path: ProductPath = 'masked',
): void {
  const size = padded(units);
  const out = new Int16Array(memory.buffer, L.COUPLINGS, size * size);
  const ranges = new Uint32Array(memory.buffer, rangesAddress(units), (size * L.R_BYTES) / 16);
  let next = 0;
  for (let tile = 0; tile < size; tile += 4) {
    const range = path === 'dense' ? { first: 0, end: size / 2 } : pairRange(units, couplingCode, tile);
    ranges.set([range.first, range.end, next / 8], (tile * L.R_BYTES) / 16);
    // Rows and columns beyond the program are zero; what a range covers is written anew, whatever was there.
    out.fill(0, next, next + 8 * (range.end - range.first));
    for (let row = tile; row < Math.min(tile + 4, units); row++) {
      let place = next + 2 * (row - tile);
      const end = row * units + Math.min(units, 2 * range.end);
      for (let at = row * units + 2 * range.first; at < end; at += 2, place += 8) {
        out[place] = couplingCode[at];
        if (at + 1 < end) out[place + 1] = couplingCode[at + 1];
      }
    }
    next += 8 * (range.end - range.first);
  }
}

/** First column pair with a coupling in the 4 rows from `tile` on, and the one behind the last; an empty range if none. */
function pairRange(units: number, couplingCode: Int16Array, tile: number): { first: number; end: number } {
  let first = units;
  let last = -1;
  for (let row = tile; row < Math.min(tile + 4, units); row++) {
    const codes = couplingCode.subarray(row * units, (row + 1) * units);
    let from = 0;
    while (from < units && codes[from] === 0) from += 1;
    let to = units - 1;
    while (to >= 0 && codes[to] === 0) to -= 1;
    first = Math.min(first, from);
    last = Math.max(last, to);
  }
  return last < 0 ? { first: 0, end: 0 } : { first: first >> 1, end: (last >> 1) + 1 };
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
  /** Voltages of oscillator cells, laid out like the state. */
  velocity: Int32Array;
  field: Int32Array;
  fieldMultiplier: Int32Array;
  /** One record of multipliers per unit. */
  records: Int32Array;
  constant: BigInt64Array;
}

/** Writes one i32 of every unit's record. */
function setInRecords(records: Int32Array, offset: number, values: Int32Array): void {
  values.forEach((value, unit) => (records[(unit * L.U_BYTES + offset) / 4] = value));
}

/** The constant part of a unit's force in Q59, and half of the last bit. */
function constantForce(plan: RunPlan, unit: number, coupled: boolean): bigint {
  const offset = BigInt(plan.offsetMultiplier[unit]) << 30n;
  const bias = coupled ? BigInt(plan.biasInput[unit]) * BigInt(plan.biasMultiplier) : 0n;
  return bias + offset + (1n << 31n);
}

function stateIndex(block: Block, replica: number, unit: number): number {
  const group = Math.floor(replica / L.GROUP);
  return (group * block.units + unit) * L.GROUP + (replica % L.GROUP);
}

/** Writes states and state codes of all replicas; codes lie in memory as [group][column pair][replica][column]. */
function placeInitialState(block: Block, codes: Int16Array, initialState: Int32Array): void {
  initialState.forEach((x, unit) => {
    if (x === 0) return;
    const code = Math.max(-8191, Math.min(8191, (x + (1 << 14)) >> 15));
    for (let replica = 0; replica < block.groups * L.GROUP; replica++) {
      const group = Math.floor(replica / L.GROUP);
      const pair = (group * block.units) / 2 + (unit >> 1);
      block.state[stateIndex(block, replica, unit)] = x;
      codes[(pair * L.GROUP + (replica % L.GROUP)) * 2 + (unit & 1)] = code;
    }
  });
}

/** Readout codes, or raw states. */
export type ReadoutBlock = Int16Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

export class Kernel {
  readonly #memory: WebAssembly.Memory;
  readonly #exports: Exports;
  readonly #area: number;
  readonly #parameters: DataView;
  readonly #vectorReplicas: number;
  #block: Block | null = null;

  /** `vectorReplicas`: the largest group of replicas that takes the matrix-vector product; the bits do not depend on it. */
  constructor(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    area: number,
    vectorReplicas = L.VECTOR_REPLICAS_MAX,
  ) {
    this.#memory = memory;
    this.#exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports;
    this.#area = area;
    this.#vectorReplicas = vectorReplicas;
    this.#parameters = new DataView(memory.buffer, area, L.S_BYTES);
    this.#set([
      [L.C_PHILOX_0, 0xd2511f53],
      [L.C_PHILOX_1, 0xcd9e8d57],
      [L.C_LOW_MASK, (1 << L.LOW_BITS) - 1],
      [L.C_INDEX_MASK, 0x1fffe],
      [L.C_HALF_CODE, 1 << 14],
      [L.C_CODE_MAX, (8191 << 16) | 8191],
      [L.C_CODE_MIN, (-8191 << 16) | (-8191 & 0xffff)],
      [L.C_RAIL, L.RAIL],
      [L.C_RAIL_NEGATIVE, -L.RAIL],
      [L.C_HALF_FORCE, 2 ** 31],
      [L.C_HALF_FORCE + 4, 0],
    ]);
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
    const out = new Int16Array(count * plan.reads * plan.units);
    return this.#run(plan, first, count, stopped, out) ? out : null;
  }

  /** The same with the states in Q27 instead of codes. */
  runBlockRaw(
    plan: RunPlan,
    first: number,
    count: number,
    stopped: () => boolean,
  ): Int32Array<ArrayBuffer> | null {
    const out = new Int32Array(count * plan.reads * plan.units);
    return this.#run(plan, first, count, stopped, out) ? out : null;
  }

  #run(plan: RunPlan, first: number, count: number, stopped: () => boolean, out: ReadoutBlock): boolean {
    const block = this.#layOut(plan, plan.firstSample + first, count);
    this.#block = block;
    let read = 0;
    for (const phase of plan.phases) {
      this.#enter(block, plan, phase);
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
        if (!advanceTo(stop)) return false;
        this.#readInto(out, block, plan, read++);
      }
      if (!advanceTo(phase.steps)) return false;
    }
    return true;
  }

  /** States in Q27 after the last block, [replica][unit]: what the tests hold to the oracle, bit for bit. */
  finalState(units: number): Int32Array {
    return this.#gather(units, (block) => block.state);
  }

  /** Voltages of oscillator cells after the last block, Q(27 + s), [replica][unit]. */
  finalVelocity(units: number): Int32Array {
    return this.#gather(units, (block) => block.velocity);
  }

  #gather(units: number, of: (block: Block) => Int32Array): Int32Array {
    const block = this.#block;
    if (block === null) return new Int32Array(0);
    const values = of(block);
    const out = new Int32Array(block.count * units);
    for (let k = 0; k < block.count; k++) {
      for (let unit = 0; unit < units; unit++) out[k * units + unit] = values[stateIndex(block, k, unit)];
    }
    return out;
  }

  /** One Philox block as the kernel computes it; for known-answer tests. */
  philox(counter: Readonly<Words4>, key: readonly [number, number]): Words4 {
    this.#exports.philoxBlock(this.#area, ...counter, ...key);
    const half = (unit: number): number => this.#parameters.getUint32(L.S_INDEX + 32 * unit, true) / 2;
    const word = (q: number): number => half(2 * q + 1) * 65536 + half(2 * q);
    return [word(0), word(1), word(2), word(3)];
  }

  /** Lays out the arrays behind the parameter block, writes the run's constants, sets every state to its start. */
  #layOut(plan: RunPlan, firstSample: number, count: number): Block {
    const units = padded(plan.units);
    const groups = Math.ceil(count / L.GROUP);
    const lanes = units * groups * L.GROUP;
    const buffer = this.#memory.buffer;
    let next = this.#area + L.S_BYTES;
    const take = (word: number, bytes: number): number => {
      const address = next;
      this.#parameters.setUint32(word, address, true);
      next += bytes;
      return address;
    };
    const records = new Int32Array(buffer, take(L.P_UNITS, units * L.U_BYTES), (units * L.U_BYTES) / 4).fill(
      0,
    );
    const constant = new BigInt64Array(buffer, take(L.P_CONSTANT, units * 8), units).fill(0n);
    const field = new Int32Array(buffer, take(L.P_FIELD, units * 4), units).fill(0);
    const fieldMultiplier = new Int32Array(buffer, take(L.P_FIELD_MULTIPLIER, units * 4), units).fill(0);
    setInRecords(records, L.U_J2, plan.j2Multiplier);
    setInRecords(records, L.U_J4, plan.j4Multiplier);
    setInRecords(records, L.U_COUPLING, plan.couplingMultiplier);
    setInRecords(
      records,
      L.U_MEMORY,
      plan.noiseMemory_q15.map((a) => a << 15),
    );
    setInRecords(records, L.U_FRESH, plan.noiseMemory_q15.map(freshWeight));
    const state = new Int32Array(buffer, take(L.P_STATE, lanes * 4), lanes).fill(0);
    const codes = new Int16Array(buffer, take(L.P_CODES, lanes * 2), lanes).fill(0);
    new Int16Array(buffer, take(L.P_CODES_NEXT, lanes * 2), lanes).fill(0);
    new Int32Array(buffer, take(L.P_COLOUR, lanes * 4), lanes).fill(0);
    const velocity = new Int32Array(buffer, take(L.O_VELOCITY, lanes * 4), lanes).fill(0);
    this.#set([
      [L.P_UNITS_PADDED, units],
      [L.P_COUNT, count],
      [L.P_FIRST_SAMPLE, firstSample],
      [L.P_STEP, 0],
      [L.P_KEY_LOW, plan.seedLow],
      [L.P_KEY_HIGH, plan.seedHigh],
      [L.P_EXACT_PAIRS, plan.exactColumns / 2],
      [L.P_COUPLING_DROP, Math.max(0, -plan.couplingExponent)],
      [L.P_COUPLING_GROW, Math.max(0, plan.couplingExponent)],
      [L.P_COLOURED, plan.noiseMemory_q15.some((a) => a !== 0) ? 1 : 0],
      [L.P_VECTOR_REPLICAS, this.#vectorReplicas],
      [L.P_RANGES, rangesAddress(plan.units)],
      [L.O_VELOCITY, plan.oscillator ? velocity.byteOffset - state.byteOffset : 0],
      [L.O_FINENESS, plan.oscillator?.finenessBits ?? 0],
      [L.O_DECAY, plan.oscillator?.decayMultiplier ?? 0],
    ]);
    const block = {
      units,
      count,
      groups,
      state,
      velocity,
      field,
      fieldMultiplier,
      records,
      constant,
    };
    placeInitialState(block, codes, plan.initialState);
    return block;
  }

  #enter(block: Block, plan: RunPlan, phase: PhasePlan): void {
    block.field.fill(0);
    if (phase.fieldCode) block.field.set(phase.fieldCode);
    block.fieldMultiplier.set(phase.fieldMultiplier);
    setInRecords(block.records, L.U_NOISE, phase.noiseMultiplier);
    for (let unit = 0; unit < plan.units; unit++) {
      block.constant[unit] = constantForce(plan, unit, phase.coupled);
    }
    this.#set([
      [L.P_PHASE_STEP, 0],
      [L.P_PHASE_STEPS, phase.steps],
      [L.P_COUPLED, phase.coupled ? 1 : 0],
      [L.P_FIELD_FROM, phase.from_q15],
      [L.P_FIELD_TO, phase.to_q15],
    ]);
  }

  /** Words of the parameter block; the low 32 bits count, signed or not. */
  #set(words: readonly (readonly [offset: number, value: number])[]): void {
    for (const [offset, value] of words) this.#parameters.setUint32(offset, value, true);
  }

  /** Converts what a run reads (Q27 to 2^-10 of x, rounded, clamped to 12 bits; or the voltages), or copies it in Q27. */
  #readInto(out: ReadoutBlock, block: Block, plan: RunPlan, read: number): void {
    const raw = out instanceof Int32Array;
    const { oscillator } = plan;
    for (let k = 0; k < block.count; k++) {
      const to = (k * plan.reads + read) * plan.units;
      for (let unit = 0; unit < plan.units; unit++) {
        const at = stateIndex(block, k, unit);
        if (oscillator?.readout === 'voltage') {
          const w = block.velocity[at];
          out[to + unit] = raw ? voltageState(oscillator, w) : voltageCode(oscillator, w);
          continue;
        }
        const state = block.state[at];
        out[to + unit] = raw ? state : Math.max(-2047, Math.min(2047, (state + (1 << 16)) >> 17));
      }
    }
  }
}
