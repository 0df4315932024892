// Before and after calibration on the digit job: a worn chip whose couplings are 10 % weak and whose noise is 20 % hot, against an
// ideal chip on which the same parts are broken.
import { loadProfile } from '../../firmware-sim/chip/index.ts';
import { trainModel } from '../../src/training/index.ts';
import { standingStill } from '../../test/support/chip-truth.ts';
import { connectTwin } from '../../test/support/connected-twin.ts';
import { wholeNumberOf, type BenchContext } from '../bench.ts';
import { figure, standardErrorOf, type Figure } from '../figure.ts';
import { arm, astray, calibrate, generate, sameMask, type Arm } from '../recovery/arms.ts';

export const summary =
  'digits on a worn chip, gain -10 %, kT +20 %: before and after calibration, against an ideal chip with its mask (--units 64: glyphs; --samples N)';

const SAMPLES = 4000;
const SEED = 20_000_003n;
/** The share above 0.8 returns to within this of the ideal chip. */
const WITHIN = 0.03;
type Step = Parameters<typeof calibrate>[2][number];

/** What corrects a program, and what that stands on. */
const steps = (isSmall: boolean): Step[] => [
  { kind: 'readout-offset' },
  { kind: 'readout-gain' },
  // 784 units know their common J2 and J4 well long before each knows its own.
  { kind: 'potential', options: isSmall ? {} : { restarts: 60, record_timeUnits: 8 } },
  { kind: 'noise-temperature' },
  { kind: 'coupling-gain' },
  ...(isSmall ? ([{ kind: 'mask' }, { kind: 'coupling-map' }] satisfies Step[]) : []),
];

export async function run({ say, options }: BenchContext): Promise<Figure[]> {
  const units = wholeNumberOf(options, '--units', 64) ?? 784;
  const samples = wholeNumberOf(options, '--samples', 10) ?? SAMPLES;
  if (units !== 64 && units !== 784) throw new Error('--units takes 784 (digits) or 64 (glyphs)');
  const isSmall = units === 64;
  say(isSmall ? 'glyphs, N = 64: training' : 'digits, N = 784: training');
  const { model, prototypes } = trainModel(
    isSmall ? { data: 'glyphs', tolerance: 1e-10 } : { tolerance: 1e-4 },
  );
  const worn = standingStill(await loadProfile('worn'));
  // Fast mode for the large ones, on all arms alike.
  const job = { model, prototypes, samples, seed: SEED, step_ns: isSmall ? 2 : 5 };
  say(`ideal chip with the same mask: ${samples} samples`);
  const ideal = await arm(sameMask(worn), job);
  const chip = await connectTwin({ units, profile: astray(worn) });
  try {
    say('the worn chip as it is');
    const before = await generate(chip.device, job);
    say('calibration');
    const { known, report, chip_s, duration_s } = await calibrate(chip.device, model, steps(isSmall), say);
    say('the worn chip, programs corrected');
    const after = await generate(chip.device, { ...job, known });
    return [
      above('recovery.ideal.above_08', ideal),
      above('recovery.before.above_08', before),
      above('recovery.after.above_08', after),
      difference('recovery.before.difference', before, ideal),
      difference('recovery.after.difference', after, ideal, { min: -WITHIN, max: WITHIN }),
      likeness('recovery.ideal.correlation', ideal),
      likeness('recovery.before.correlation', before),
      likeness('recovery.after.correlation', after),
      figure('recovery.correction.coupling', report.coupling_ratio, '1', { reference: 1 / 0.9 }),
      figure('recovery.correction.noise_temperature', report.noiseTemperature_ratio, '1', {
        reference: 1 / 1.2,
      }),
      figure('recovery.device_s', chip_s, 's'),
      figure('recovery.calibration_s', duration_s, 's'),
    ];
  } finally {
    await chip.close();
  }
}

function above(name: string, { isAbove }: Arm): Figure {
  const n = isAbove.length;
  const share = isAbove.reduce((sum, v) => sum + v, 0) / n;
  return figure(name, share, '1', { n, spread: Math.sqrt((share * (1 - share)) / n) });
}

function likeness(name: string, { correlation }: Arm): Figure {
  const n = correlation.length;
  const mean = correlation.reduce((sum, v) => sum + v, 0) / n;
  return figure(name, mean, '1', { n, spread: standardErrorOf([...correlation]) });
}

/** Of shares above 0.8, restart by restart: both arms have the same noise. */
function difference(name: string, a: Arm, b: Arm, target?: { min: number; max: number }): Figure {
  const each = Array.from(a.isAbove, (v, k) => v - b.isAbove[k]);
  const mean = each.reduce((sum, v) => sum + v, 0) / each.length;
  return figure(name, mean, '1', { n: each.length, spread: standardErrorOf(each), target });
}
