// The recorded states of the kernel, on the Node of the tests; scripts/ci/other-nodes.sh asks the other ones.
import { expect, it } from 'vitest';
import { computeGoldenStates, goldenCases, readGoldenFile } from '../support/golden-states.ts';

const golden = readGoldenFile();

it('records every case once', () => {
  expect(golden.states.map(({ name, about }) => ({ name, about }))).toEqual(
    goldenCases().map(({ name, about }) => ({ name, about })),
  );
});

it('gives the recorded states on 1, 2 and 3 threads, dense, masked and matrix-vector, and from the oracle', async () => {
  const results = await computeGoldenStates();
  for (const { name, sha256 } of results) {
    const recorded = golden.states.find((state) => state.name === name)?.sha256;
    expect(Object.keys(sha256)).toHaveLength(8);
    for (const [way, hash] of Object.entries(sha256)) expect(hash, `${name}, ${way}`).toBe(recorded);
  }
});
