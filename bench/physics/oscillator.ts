// Rows of the oscillator cell (ADR 4): the law of the flux and the equipartition of both energies at three quality
// factors, and the overdamped relaxation as Q goes to 0.
import { emptyModel, quantise } from '../../src/physics/index.ts';
import type { Figure } from '../figure.ts';
import { boltzmann } from './fokker-planck.ts';
import { exactRow } from './judge.ts';
import { KT, reference, relaxationOf } from './one-unit.ts';
import { overUnits, readTimes, relax, type Settings } from './relax.ts';

interface Cell {
  qualityFactor: number;
  dt: number;
  /** Longest memory: the slow overdamped mode of a light cell, the envelope 2m = Q^2 of a heavy one. */
  memory: number;
}
const CELLS: readonly Cell[] = [
  { qualityFactor: 0.1, dt: 0.002, memory: 0.41 },
  { qualityFactor: 1, dt: 0.01, memory: 1 },
  { qualityFactor: 10, dt: 0.2, memory: 100 },
];
/** The limit: m / gamma = Q^2 / 2 = 5e-5, far below the step. */
const LIMIT = { qualityFactor: 0.01, dt: 0.002 };

/**
 * <x^2> against quadrature; <x dV/dx> = kT (inductive energy) and <m v^2> = kT (capacitive energy), with the voltage read
 * in units of omega_0, where m omega_0^2 = 2 E0.
 */
export async function oscillatorRows(settings: Settings): Promise<Figure[]> {
  const rows: Figure[] = [];
  for (const cell of CELLS) {
    settings.say(`oscillator: Q ${cell.qualityFactor}`);
    rows.push(...(await equilibriumRows(cell, settings)));
  }
  settings.say(`oscillator: relaxation at Q ${LIMIT.qualityFactor}`);
  const { qualityFactor, dt } = LIMIT;
  const dynamics = { kind: 'oscillator', qualityFactor } as const;
  const relaxation = await relaxationOf('oscillator.limit', { seed: 113n, dt, dynamics }, settings);
  return [...rows, ...relaxation];
}

async function equilibriumRows({ qualityFactor, dt, memory }: Cell, settings: Settings): Promise<Figure[]> {
  const count = settings.quick ? 1 : 8;
  const onGrid = (time: number): number => Math.ceil(time / dt) * dt;
  // From x = 0: <x^2> is on its way for half the memory of x, so exp(-10) is left at the first read.
  const readAt = readTimes(onGrid(5 * memory), onGrid(2 * memory), count);
  const phases = [{ duration: readAt[count - 1], readAt }];
  const options = {
    samples: 512,
    seed: 112n,
    dt,
    dynamics: { kind: 'oscillator', qualityFactor },
  } as const;
  const program = quantise(emptyModel(512));
  const flux = await relax(program, phases, options, settings);
  const voltage = await relax(program, phases, { ...options, readout: 'voltage' }, settings);
  const row = (name: string): string => `oscillator.q_${qualityFactor}.${name}`;
  const exact = boltzmann(reference, KT, (x) => x * x).mean;
  return [
    exactRow(
      row('x2'),
      overUnits(flux, (x) => x * x),
      exact,
    ),
    exactRow(
      row('inductive_energy'),
      overUnits(flux, (x) => 2 * x * x + 4 * x ** 4),
      KT,
      'E0',
    ),
    exactRow(
      row('capacitive_energy'),
      overUnits(voltage, (v) => 2 * v * v),
      KT,
      'E0',
    ),
  ];
}
