// Judges the demo's samples against the digits they were trained on, and writes what a user keeps: the pictures, the
// samples, the calibration and a summary.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bestPrototype, decodeNpz, heatSummary_kT } from '../../physics/index.ts';
import { asText, contactSheet, type Picture } from './contact-sheet.ts';
import type { LoopResult } from './loop.ts';

export interface Summary {
  units: number;
  samples: number;
  bestPrototypeCorrelation: number;
  fractionAbove08: number;
  inverted: number;
  classes: number[];
  heat_kT: { mean: number; sd: number };
  noiseTemperature_ratio: number;
  noiseTemperature_stderr: number;
  transport: string;
  backend: string;
  seed: number | null;
  train_s: number;
  upload_s: number;
  relax_s: number;
  total_s: number;
}

export interface Scored {
  x: ArrayLike<number>;
  prototype: number;
  correlation: number;
  inverted: boolean;
}

/** Shape and values of `samples.npz`; the last read of every sample is the picture. */
function readSamples(npz: Uint8Array): { pictures: ArrayLike<number>[]; heat_kT: ArrayLike<number> } {
  const members = decodeNpz(npz);
  const x = members.get('x');
  const heat = members.get('heat_kT');
  if (x === undefined || heat === undefined) throw new Error('samples.npz lacks x or heat_kT');
  const [samples, reads, units] = x.shape;
  const values = x.data as Float32Array;
  const pictures = Array.from({ length: samples }, (_, k) =>
    values.subarray((k * reads + reads - 1) * units, (k + 1) * reads * units),
  );
  return { pictures, heat_kT: heat.data as Float64Array };
}

function score(pictures: readonly ArrayLike<number>[], prototypes: readonly ArrayLike<number>[]): Scored[] {
  return pictures.map((x) => {
    const { index, correlation, inverted } = bestPrototype(x, prototypes);
    return { x, prototype: index, correlation, inverted };
  });
}

export function summarise(
  loop: LoopResult,
  prototypes: readonly ArrayLike<number>[],
  run: Pick<Summary, 'transport' | 'backend' | 'seed' | 'train_s' | 'total_s'>,
): { summary: Summary; scored: Scored[]; heat_kT: ArrayLike<number> } {
  const { pictures, heat_kT } = readSamples(loop.samples);
  const scored = score(pictures, prototypes);
  const share = (holds: (s: Scored) => boolean): number => scored.filter(holds).length / scored.length;
  const heat = heatSummary_kT(heat_kT);
  const { timing } = loop.job.result as { timing: { upload_s: number; relax_s: number } };
  const { values, stderr } = loop.calibration as unknown as Record<
    'values' | 'stderr',
    { noiseTemperature_ratio: number }
  >;
  return {
    scored,
    heat_kT,
    summary: {
      units: pictures[0].length,
      samples: pictures.length,
      bestPrototypeCorrelation: scored.reduce((sum, s) => sum + s.correlation, 0) / scored.length,
      fractionAbove08: share((s) => s.correlation > 0.8),
      inverted: share((s) => s.inverted),
      classes: prototypes.map((_, index) => scored.filter((s) => s.prototype === index).length),
      heat_kT: { mean: heat.mean, sd: heat.sd },
      noiseTemperature_ratio: values.noiseTemperature_ratio,
      noiseTemperature_stderr: stderr.noiseTemperature_ratio,
      upload_s: timing.upload_s,
      relax_s: timing.relax_s,
      ...run,
    },
  };
}

/** Writes samples.png, samples.npz, calibration.json and summary.json into `folder`. */
export function writeResults(
  folder: string,
  loop: LoopResult,
  scored: readonly Scored[],
  prototypes: readonly ArrayLike<number>[],
  summary: Summary,
): void {
  mkdirSync(folder, { recursive: true });
  const side = Math.sqrt(prototypes[0].length);
  const pictures: Picture[] = [
    ...prototypes.map((pixels) => ({ pixels, low: -0.5, high: 2.9 })),
    ...scored.map(({ x }) => ({ pixels: x, low: -1, high: 1 })),
  ];
  const sheet = contactSheet(pictures, { width: side, height: side, columns: 20, scale: 2 });
  writeFileSync(join(folder, 'samples.png'), sheet);
  writeFileSync(join(folder, 'samples.npz'), loop.samples);
  writeFileSync(join(folder, 'calibration.json'), `${JSON.stringify(loop.calibration, null, 2)}\n`);
  writeFileSync(join(folder, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
}

/** The short table, under the first upright sample of every class. */
export function table(
  summary: Summary,
  scored: readonly Scored[],
  heat_kT: ArrayLike<number>,
  folder: string,
): string {
  const side = Math.sqrt(summary.units);
  const shown = summary.classes
    .map((_, prototype) =>
      scored.findIndex((s) => s.prototype === prototype && !s.inverted && s.correlation > 0.7),
    )
    .filter((index) => index >= 0);
  const columns = shown.map((index) => [
    ...asText(scored[index].x, { width: side, height: side }, { low: -0.2, high: 0.9 }),
    `sample ${index}, ${heat_kT[index].toFixed(0)} kT`.padEnd(side),
  ]);
  const lines = (columns[0] ?? []).map((_, row) => columns.map((column) => column[row]).join('   '));
  const percent = (x: number): string => `${(100 * x).toFixed(0)} %`;
  const rows: [string, string][] = [
    [
      'samples',
      `${summary.samples} of ${summary.units} units, on a ${summary.backend} over ${summary.transport}`,
    ],
    [
      'likeness',
      `${summary.bestPrototypeCorrelation.toFixed(3)} mean correlation with the nearest digit; ${percent(summary.fractionAbove08)} above 0.8; ${percent(summary.inverted)} inverted`,
    ],
    ['digits 0/1/2', summary.classes.join(' / ')],
    [
      'heat',
      `${summary.heat_kT.mean.toFixed(0)} +- ${summary.heat_kT.sd.toFixed(0)} kT per sample (mean, s.d.)`,
    ],
    [
      'temperature',
      `${summary.noiseTemperature_ratio.toFixed(4)} +- ${summary.noiseTemperature_stderr.toFixed(4)} of the nominal noise temperature`,
    ],
    [
      'time',
      `train ${summary.train_s.toFixed(1)} s, upload ${summary.upload_s.toFixed(1)} s, relax ${summary.relax_s.toFixed(1)} s, in all ${summary.total_s.toFixed(1)} s`,
    ],
    ['files', `${folder}/samples.png, samples.npz, calibration.json, summary.json`],
  ];
  return [...lines, '', ...rows.map(([name, text]) => `${name.padEnd(13)} ${text}`)].join('\n');
}
