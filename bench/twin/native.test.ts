// The native reference has the kernel's bits, so that the bench compares the same work; and says why it is absent.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { missingForNative, nativeReferences } from './native.ts';
import { kernelRig, workload, workloadProgram } from './workload.ts';

const missing = await missingForNative();

describe.skipIf(missing !== null)(
  `the native step${missing === null ? '' : `, not tried: ${missing}`}`,
  () => {
    // Row sums in one block shifted left, in one block shifted right, and in several blocks.
    it.each([
      [64, 96, 60, 1],
      [256, 32, 12, -1],
      [784, 32, 4, -3],
    ])('has the bits of the kernel at %i units, %i replicas', async (units, replicas, steps, exponent) => {
      const load = workload(workloadProgram(units));
      expect(load.plan(1, replicas).couplingExponent).toBe(exponent);
      const references = await nativeReferences();
      if ('missing' in references) throw new Error(references.missing);
      const rig = await kernelRig(load, 1);
      try {
        const { cpu_s, states } = await (await references.kernel(load)).run(steps, replicas);
        const ours = await rig.run(steps, replicas);
        expect(cpu_s).toBeGreaterThan(0);
        expect(states.some((x) => x !== 0)).toBe(true);
        expect(Buffer.from(states.buffer).equals(Buffer.from(ours.buffer))).toBe(true);
      } finally {
        await rig.close();
        await references.close();
      }
    });
  },
);

describe('without a compiler', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('there is a reason instead of references', async () => {
    vi.stubEnv('PATH', '/nowhere');
    const references = await nativeReferences();
    expect('missing' in references && references.missing).toMatch(/gcc|AVX2/);
  });

  it('nor with one that compiles nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'thermoloop-gcc-'));
    const script = '#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "unknown option" >&2\nexit 1\n';
    await writeFile(join(folder, 'gcc'), script, { mode: 0o755 });
    vi.stubEnv('PATH', folder);
    const references = await nativeReferences();
    expect('missing' in references && references.missing).toMatch(/does not compile .* unknown option|AVX2/);
    await rm(folder, { recursive: true });
  });
});
