// The graph: its order, and what becomes of a node when those before it failed, moved, or are young.
import { describe, expect, it } from 'vitest';
import { NODES, decide, nodeKinds, type FullRequest, type NodeKind, type NodeResult } from './graph.ts';
import { deviationOf } from './nodes.ts';

const request: FullRequest = { nodes: nodeKinds, maxAge_s: 100, check: true };
const before = (states: Partial<Record<NodeKind, NodeResult['state']>>): Map<NodeKind, NodeResult> =>
  new Map(Object.entries(states).map(([kind, state]) => [kind as NodeKind, { state, reason: `of ${kind}` }]));

describe('the graph', () => {
  it('has every node once, after all that it needs', () => {
    expect(new Set(nodeKinds).size).toBe(nodeKinds.length);
    NODES.forEach(({ needs }, k) => {
      for (const parent of needs) expect(nodeKinds.slice(0, k)).toContain(parent);
    });
  });
});

describe('decide', () => {
  it('keeps what is young, checks what is old, calibrates what is not known', () => {
    expect(decide('mobility', 50, before({ potential: 'kept' }), request)).toEqual({ what: 'keep' });
    expect(decide('mobility', 150, before({ potential: 'kept' }), request)).toEqual({ what: 'check' });
    expect(decide('mobility', 150, before({}), { ...request, check: false })).toEqual({ what: 'calibrate' });
    expect(decide('mobility', null, before({}), request)).toEqual({ what: 'calibrate' });
  });

  it('does not trust an age when what it stands on has moved', () => {
    const moved = before({ potential: 'succeeded', 'noise-temperature': 'kept' });
    expect(decide('mobility', 1, moved, request)).toEqual({ what: 'calibrate' });
  });

  it('skips what stands on a failure, with the reason of the first one', () => {
    const failed = before({ potential: 'failed' });
    const skipped = decide('noise-temperature', 1, failed, request);
    expect(skipped).toEqual({ what: 'skip', reason: 'potential failed: of potential' });
    failed.set('noise-temperature', { state: 'skipped', reason: 'potential failed: of potential' });
    failed.set('potential', { state: 'kept', reason: null });
    expect(decide('mobility', null, failed, request)).toEqual(skipped);
  });

  it('goes on where the device only cannot', () => {
    expect(decide('potential', null, before({ 'readout-gain': 'impossible' }), request)).toEqual({
      what: 'calibrate',
    });
  });
});

describe('deviationOf', () => {
  const measured = (value: number, error: number) => ({ values: { a: value }, stderr: { a: error } });
  it('is in combined standard errors, and infinite where there is nothing to compare', () => {
    expect(deviationOf(['a'], measured(1, 0.03), measured(1.1, 0.04))).toBeCloseTo(2, 12);
    expect(deviationOf(['b'], measured(1, 0.03), measured(1.1, 0.04))).toBe(Infinity);
  });
});
