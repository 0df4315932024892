// The order of all procedures: a directed acyclic graph whose nodes are kinds, and what becomes of each node in one
// calibration. After Kelly et al., "Physical qubit calibration on a directed acyclic graph", arXiv 1803.03226: check-state
// (nothing is measured), check-data (a cheap measurement), calibrate. Pure.
import type { CalibrationKind } from '../knowledge.ts';

export type NodeKind = Exclude<CalibrationKind, 'full'>;

interface Node {
  kind: NodeKind;
  /** What it stands on; without them it is not measured. */
  needs: readonly NodeKind[];
}

/** Every node after those that it needs. */
export const NODES: readonly Node[] = [
  { kind: 'readout-offset', needs: [] },
  { kind: 'readout-gain', needs: ['readout-offset'] },
  { kind: 'potential', needs: ['readout-gain'] },
  { kind: 'noise-temperature', needs: ['potential'] },
  { kind: 'mobility', needs: ['potential', 'noise-temperature'] },
  { kind: 'mask', needs: ['readout-gain'] },
  { kind: 'coupling-gain', needs: ['readout-gain', 'mask'] },
  { kind: 'coupling-map', needs: ['coupling-gain', 'mask'] },
];
export const nodeKinds: readonly NodeKind[] = NODES.map(({ kind }) => kind);

/**
 * `succeeded`: measured; `kept`: what was known still holds; `impossible`: the device cannot, and those that stand on it
 * assume the ideal; `failed`; `skipped`: one that it needs failed, or was skipped.
 */
export type NodeState = 'succeeded' | 'kept' | 'impossible' | 'failed' | 'skipped';

export interface NodeResult {
  state: NodeState;
  reason: string | null;
}

/** What was asked of the whole. */
export interface FullRequest {
  nodes: readonly NodeKind[];
  /** What is younger is kept without a look; 0: nothing is. */
  maxAge_s: number;
  /** Whether something older is looked at before it is measured anew. */
  check: boolean;
}

/** `keep`: check-state passes; `check`: a cheap measurement decides; `calibrate`; or why it is skipped. */
export type Decision = { what: 'keep' | 'check' | 'calibrate' } | { what: 'skip'; reason: string };

/**
 * What to do with a node, given what became of those before it.
 * @param age_s of what is known of it; null: nothing is
 */
export function decide(
  kind: NodeKind,
  age_s: number | null,
  before: ReadonlyMap<NodeKind, NodeResult>,
  request: FullRequest,
): Decision {
  const needs = needsOf(kind);
  for (const parent of needs) {
    const { state, reason } = before.get(parent) ?? { state: 'kept', reason: null };
    if (state === 'failed')
      return { what: 'skip', reason: `${parent} failed: ${reason ?? 'without a reason'}` };
    if (state === 'skipped') return { what: 'skip', reason: reason ?? `${parent} was skipped` };
  }
  // What it was computed with has changed: its own age says nothing any more.
  const movedParent = needs.some((parent) => before.get(parent)?.state === 'succeeded');
  if (age_s === null || movedParent) return { what: 'calibrate' };
  if (age_s < request.maxAge_s) return { what: 'keep' };
  return { what: request.check ? 'check' : 'calibrate' };
}

export function needsOf(kind: NodeKind): readonly NodeKind[] {
  return NODES.find((node) => node.kind === kind)?.needs ?? [];
}
