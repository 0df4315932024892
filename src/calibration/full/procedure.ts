// Calibration `full`: every procedure in the order of the graph, each standing on what the ones before it found, as one
// resource with one progress.
import { DeviceError, type DeviceCapabilities } from '../../device/index.ts';
import { CalibrationError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { knowledgeFrom, resultOf, type CalibrationKind, type MeasuredValues } from '../knowledge.ts';
import { badOption, numberOption, onlyOptions, seedOfRun, seedOption, unitsOption } from '../options.ts';
import type {
  CalibrationControl,
  CalibrationOutcome,
  CalibrationProcedure,
  ReferenceDevice,
} from '../procedure.ts';
import { capabilitiesOf, sameChip } from '../runs.ts';
import { decide, nodeKinds, type FullRequest, type NodeKind, type NodeResult } from './graph.ts';
import { CHECK_BOUND_Z, deviationOf, nodeProcedures } from './nodes.ts';

const OPTION_NAMES = ['units', 'nodes', 'maxAge_s', 'check', 'maxDevice_s', 'seed'];
/** Progress of the whole is told in these. */
const PARTS = 1000;

export const full: CalibrationProcedure<ReferenceDevice> = {
  check: (options, capabilities) => void parse(options, capabilities),
  cost_s: (options, capabilities) => sum(Object.values(parse(options, capabilities).cost_s)),
  run,
};

interface Parsed extends FullRequest {
  /** Of every node that takes part. */
  options: Readonly<Record<NodeKind, JsonObject>>;
  cost_s: Readonly<Record<NodeKind, number>>;
}

/**
 * Every node's own check as well, and the device time that all of them would take together.
 * @throws {CalibrationError} bad-option; what the nodes refuse
 */
function parse(given: JsonObject, capabilities: DeviceCapabilities): Parsed {
  onlyOptions(given, OPTION_NAMES);
  const units = unitsOption(given, capabilities);
  const nodes = nodesOf(given['nodes']);
  const check = given['check'] ?? false;
  if (typeof check !== 'boolean')
    throw badOption('check', `${JSON.stringify(check)} is not allowed`, 'true or false');
  const maxAge_s = numberOption(given, 'maxAge_s', 0, { min: 0, max: 1e9 });
  const seed = seedOption(given['seed']);
  const options = {} as Record<NodeKind, JsonObject>;
  const cost_s = {} as Record<NodeKind, number>;
  nodes.forEach((kind, k) => {
    const node = nodeProcedures[kind];
    const own = seedOfRun(seed, 1000 * (k + 1));
    options[kind] = { ...node.options, units, ...(own !== undefined && { seed: String(own) }) };
    if (isImpossible(kind, capabilities)) return;
    node.procedure.check(options[kind], capabilities);
    cost_s[kind] = node.procedure.cost_s?.(options[kind], capabilities) ?? 0;
  });
  const planned_s = sum(Object.values(cost_s));
  const allowed = numberOption(given, 'maxDevice_s', Infinity, { min: 0, max: Infinity });
  if (planned_s > allowed)
    throw badOption(
      'maxDevice_s',
      `the plan takes ${planned_s.toPrecision(3)} s of the device`,
      `${planned_s.toPrecision(3)} s or more, or fewer nodes`,
    );
  return { nodes, maxAge_s, check, options, cost_s };
}

function nodesOf(given: JsonObject[string] | undefined): NodeKind[] {
  if (given === undefined) return [...nodeKinds];
  const wanted = Array.isArray(given) ? given : [given];
  const found = nodeKinds.filter((kind) => wanted.includes(kind));
  if (found.length === 0 || found.length < wanted.length)
    throw badOption('nodes', `${JSON.stringify(given)} is not allowed`, `a list of ${nodeKinds.join(', ')}`);
  return found;
}

/** Without a converter reference there is no readout gain; those that stand on it assume 1, and say so. */
const isImpossible = (kind: NodeKind, { reference }: DeviceCapabilities): boolean =>
  kind === 'readout-gain' && reference === null;

async function run(
  device: ReferenceDevice,
  options: JsonObject,
  control: CalibrationControl,
): Promise<CalibrationOutcome> {
  const capabilities = capabilitiesOf(device);
  const walk = new Walk(device, parse(options, capabilities), control);
  for (const kind of walk.request.nodes) await walk.visit(kind, capabilities);
  return walk.outcome();
}

/** One calibration on its way through the graph. */
class Walk {
  readonly request: Parsed;
  readonly #device: ReferenceDevice;
  readonly #control: CalibrationControl;
  readonly #states = new Map<NodeKind, NodeResult>();
  readonly #results: Partial<Record<CalibrationKind, MeasuredValues>>;
  readonly #measured: Pick<CalibrationOutcome, 'device'>[] = [];
  /** Checks with their deviation, for the result. */
  readonly #checked: Partial<Record<NodeKind, number>> = {};
  #done = 0;
  #told = 0;

  constructor(device: ReferenceDevice, request: Parsed, control: CalibrationControl) {
    this.#device = device;
    this.request = request;
    this.#control = control;
    const active = control.active ?? {};
    this.#results = {};
    for (const kind of nodeKinds) {
      const result = resultOf(active, kind);
      if (result !== null) this.#results[kind] = result;
    }
  }

  async visit(kind: NodeKind, capabilities: DeviceCapabilities): Promise<void> {
    this.#states.set(kind, await this.#settled(kind, capabilities));
    this.#done += this.#share(kind);
    this.#tell(this.#done);
  }

  async #settled(kind: NodeKind, capabilities: DeviceCapabilities): Promise<NodeResult> {
    if (isImpossible(kind, capabilities))
      return { state: 'impossible', reason: 'the device has no converter reference' };
    const known = this.#results[kind];
    const decision = decide(
      kind,
      known === undefined ? null : (known.age_s ?? 0),
      this.#states,
      this.request,
    );
    if (decision.what === 'skip') return { state: 'skipped', reason: decision.reason };
    if (decision.what === 'keep') return { state: 'kept', reason: 'young enough' };
    try {
      if (decision.what === 'check' && known !== undefined && (await this.#stillHolds(kind, known)))
        return { state: 'kept', reason: 'a cheap measurement agrees' };
      const outcome = await this.#measure(kind, this.request.options[kind]);
      this.#results[kind] = { ...outcome, age_s: 0 };
      return { state: 'succeeded', reason: null };
    } catch (error) {
      if (!endsNodeOnly(error) || this.#control.signal.aborted) throw error;
      return { state: 'failed', reason: `${error.message} (${error.code})` };
    }
  }

  async #stillHolds(kind: NodeKind, known: MeasuredValues): Promise<boolean> {
    const { check } = nodeProcedures[kind];
    if (check === null) return false;
    const quick = await this.#measure(kind, { ...this.request.options[kind], ...check.options });
    const deviation = deviationOf(check.values, known, quick);
    this.#checked[kind] = deviation;
    return deviation <= CHECK_BOUND_Z;
  }

  async #measure(kind: NodeKind, options: JsonObject): Promise<CalibrationOutcome> {
    const { signal } = this.#control;
    const outcome = await nodeProcedures[kind].procedure.run(this.#device, options, {
      signal,
      known: knowledgeFrom(this.#results),
      onProgress: ({ done, total }) => {
        const part = total > 0 ? (this.#share(kind) * done) / total : 0;
        this.#tell(this.#done + part);
      },
    });
    this.#measured.push(outcome);
    sameChip(this.#measured);
    return outcome;
  }

  /** Never backwards, though a device may count a run twice: while it relaxes and while it is read. */
  #tell(parts: number): void {
    this.#told = Math.max(this.#told, Math.round(parts));
    this.#control.onProgress({ done: this.#told, total: PARTS });
  }

  /** Of the whole progress; nodes without dynamics count a little too. */
  #share(kind: NodeKind): number {
    const { cost_s, nodes } = this.request;
    const total_s = sum(Object.values(cost_s));
    const weight = (of: NodeKind): number => (cost_s[of] ?? 0) + 0.02 * total_s;
    return (PARTS * weight(kind)) / sum(nodes.map(weight));
  }

  /** @throws {CalibrationError} no-usable-units when nothing was measured and nothing was kept */
  outcome(): CalibrationOutcome {
    const { nodes, cost_s } = this.request;
    const last = this.#measured.at(-1);
    if (last === undefined) {
      const reasons = [...this.#states].map(
        ([kind, { state, reason }]) => `${kind} ${state}: ${reason ?? ''}`,
      );
      throw new CalibrationError('no-usable-units', `nothing was measured (${reasons.join('; ')})`, {
        remedy: 'Take a smaller maxAge_s to measure what is young, or see why the nodes failed.',
      });
    }
    const values: JsonObject = {};
    const stderr: JsonObject = {};
    for (const kind of nodes) {
      const { state, reason } = this.#states.get(kind) ?? { state: 'skipped', reason: null };
      const counts = state === 'succeeded' || state === 'kept' ? this.#results[kind] : undefined;
      values[kind] = {
        state,
        reason,
        planned_s: cost_s[kind] ?? 0,
        check_z: this.#checked[kind] ?? null,
        age_s: counts?.age_s ?? null,
        values: counts?.values ?? null,
      };
      if (counts !== undefined) stderr[kind] = { values: counts.stderr };
    }
    const blob = this.#counting('coupling-map')?.blob;
    return {
      values: { nodes: values, planned_s: sum(Object.values(cost_s)), method: 'graph' },
      stderr: { nodes: stderr },
      device: last.device,
      ...(blob !== undefined && { blob }),
    };
  }

  #counting(kind: NodeKind): MeasuredValues | undefined {
    const state = this.#states.get(kind)?.state;
    return state === 'succeeded' || state === 'kept' ? this.#results[kind] : undefined;
  }
}

/** What a procedure found out about the chip, or the device refused of it; a lost line or a stop ends everything. */
function endsNodeOnly(error: unknown): error is CalibrationError | DeviceError {
  if (error instanceof CalibrationError) return error.code !== 'chip-changed';
  return error instanceof DeviceError && (error.code === 'out-of-range' || error.code === 'refused');
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
