// How much of a planted truth the calibrations recover, on twins in this process that stand still.
import { wholeNumberOf, type BenchContext } from '../bench.ts';
import { recover, type Recovery } from '../calibration/chip.ts';
import { figure, type Figure } from '../figure.ts';

export const summary = 'what calibrations recover of a planted truth (--seeds 3 --units 64)';

const PROFILES = ['typical', 'worn'] as const;

export async function run({ say, options }: BenchContext): Promise<Figure[]> {
  const seeds = wholeNumberOf(options, '--seeds', 1) ?? 3;
  const units = wholeNumberOf(options, '--units', 8) ?? 64;
  const found: Recovery[] = [];
  for (const profile of PROFILES)
    for (let seed = 1; seed <= seeds; seed++) {
      const before = process.cpuUsage();
      found.push(await recover(profile, units, seed));
      const { user, system } = process.cpuUsage(before);
      say(`${profile} ${seed}: ${((user + system) / 1e6).toFixed(1)} s of CPU time`);
    }
  const worst = (of: (chip: Recovery) => number): number => Math.max(...found.map(of));
  const total = (of: (chip: Recovery) => number): number => found.reduce((sum, chip) => sum + of(chip), 0);
  const ratio = (name: string, of: (chip: Recovery) => number, max: number): Figure =>
    figure(name, worst(of), 'ratio', { n: found.length, target: { max } });
  const count = (name: string, of: (chip: Recovery) => number): Figure =>
    figure(name, total(of), 'count', { n: found.length, target: { max: 0 } });
  const z = found.flatMap((chip) => chip.z);
  const variance = z.reduce((sum, each) => sum + each * each, 0) / z.length;
  const enough = z.length >= 800;
  return [
    ratio('noise_temperature.common_error', (chip) => chip.temperatureCommon, 0.005),
    ratio('noise_temperature.unit_rms', (chip) => chip.temperatureUnit_rms, 0.02),
    ratio('gain.common_error', (chip) => chip.gainCommon, 0.01),
    ratio('offset_rms', (chip) => chip.offset_rms, 0.005),
    ratio('j2_error', (chip) => chip.j2, 0.03),
    ratio('j4_error', (chip) => chip.j4, 0.03),
    count('dead.missed', (chip) => chip.dead.missed),
    count('dead.false_alarms', (chip) => chip.dead.falseAlarms),
    count('missing.missed', (chip) => chip.missing.missed),
    count('missing.false_alarms', (chip) => chip.missing.falseAlarms),
    ratio('mobility_error', (chip) => chip.mobility, 0.02),
    ratio('readout_gain_error', (chip) => chip.readoutGain, 0.01),
    ratio('coupling_map_rms', (chip) => chip.map_rms, 0.05),
    figure('z_variance', variance, 'ratio', {
      n: z.length,
      spread: variance * Math.sqrt(2 / z.length),
      target: enough ? { min: 0.9, max: 1.1 } : undefined,
      note: `noise temperatures of units, about the truth${enough ? '' : '; judged from 800 values on'}`,
    }),
    figure(
      'device_s',
      worst((chip) => chip.device_s),
      's',
      {
        n: found.length,
        note: 'schedules of one full calibration; drift and temperature of the twins stand still, and truth includes the colour of the noise and the bow of the converter',
      },
    ),
  ];
}
