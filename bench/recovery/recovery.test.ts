// The bench in small: glyphs at N = 64 on the worn chip, before and after calibration.
import { expect, it } from 'vitest';
import { run } from '../benches/recovery.ts';

it('calibration brings back the share of good pictures that a weak and hot chip has lost', async () => {
  const figures = await run({ say: () => undefined, options: ['--units', '64', '--samples', '600'] });
  const value = (name: string): number => figures.find((one) => one.name === name)?.value ?? NaN;
  // Paired restarts: standard errors of 0.02 and 0.007.
  expect(value('recovery.before.difference')).toBeLessThan(-0.2);
  expect(Math.abs(value('recovery.after.difference'))).toBeLessThan(0.03);
  expect(figures.every(({ holds }) => holds)).toBe(true);
}, 240_000);

it('knows two sizes', async () => {
  await expect(run({ say: () => undefined, options: ['--units', '100'] })).rejects.toThrow('784');
});
