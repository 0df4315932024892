// Speed of the twin's kernel: whole steps of dense programs on one thread, against blocked JavaScript in the same run, and
// two threads against one.
import { createTwinCore, type AnalogCore, type CoreProgram } from '../../firmware-sim/chip/index.ts';
import { blockedStepper } from '../baselines/blocked-javascript.ts';
import { figure, median, standardErrorOf, type Figure } from '../figure.ts';

export const summary =
  "the twin's kernel: unit-updates/s and GMAC/s, against blocked JavaScript, and its threads";

const REPLICAS = 256;
const ROUNDS = 5;
/** Multiply-accumulates of one timed piece of the kernel and of the baseline; a fraction of a second each. */
const KERNEL_MACS = 6e9;
const BASELINE_MACS = 4e8;

function program(units: number): CoreProgram {
  const pairs = (units * (units - 1)) / 2;
  const full = Math.min(0.39, 1.7 / Math.sqrt(units)) / 2047;
  return {
    units,
    couplingCode: Int16Array.from({ length: pairs }, (_, k) => Math.round(270 * Math.sin(k))),
    biasCode: new Int16Array(units),
    j2Code: new Int16Array(units).fill(1638),
    j4Code: new Int16Array(units).fill(1638),
    noiseTemperatureCode: 3276,
    scale: {
      coupling_E0: full,
      bias_E0: 1 / 2047,
      field_E0: 0,
      j2_E0: 1 / 1638,
      j4_E0: 1 / 1638,
      noiseTemperature_E0: 0.1 / 3276,
      state: 2 ** -10,
    },
  };
}

async function coupledRun(core: AnalogCore, steps: number, samples = REPLICAS): Promise<void> {
  const phase = { steps, coupled: true, field: null, noiseTemperatureCode: 3276, readAtStep: [steps] };
  await core.run({ seed: 1n, firstSample: 0, samples, step_ns: 1, phases: [phase] });
}

/** CPU seconds of the whole process, threads included, while `work` runs. */
async function cpu_s(work: () => Promise<void> | void): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const used = process.cpuUsage(start);
  return (used.user + used.system) / 1e6;
}

async function wall_s(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function kernelAgainstBaseline(units: number): Promise<Figure[]> {
  const core = await createTwinCore({ units, threads: 1, noiseTemperatureError_ratio: 0 });
  core.load(program(units));
  const macsPerStep = units * units * REPLICAS;
  const kernelSteps = Math.max(2, Math.round(KERNEL_MACS / macsPerStep));
  const baselineSteps = Math.max(1, Math.round(BASELINE_MACS / macsPerStep));
  const baseline = blockedStepper(units, REPLICAS, 1e-3);
  await coupledRun(core, 2);
  baseline.advance(1);
  const kernelRate: number[] = [];
  const ratio: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const kernel = kernelSteps / (await cpu_s(() => coupledRun(core, kernelSteps)));
    const javascript = baselineSteps / (await cpu_s(() => baseline.advance(baselineSteps)));
    kernelRate.push(kernel);
    ratio.push(kernel / javascript);
  }
  await core.close();
  const steps_per_s = median(kernelRate);
  const spread = standardErrorOf(kernelRate);
  return [
    figure(`n${units}.unit_updates_per_s`, steps_per_s * units * REPLICAS, '1/s', {
      spread: spread * units * REPLICAS,
      n: ROUNDS,
    }),
    figure(`n${units}.gmac_per_s`, (steps_per_s * macsPerStep) / 1e9, 'GMAC/s', {
      spread: (spread * macsPerStep) / 1e9,
      n: ROUNDS,
    }),
    figure(`n${units}.vs_blocked_js`, median(ratio), 'ratio', {
      spread: standardErrorOf(ratio),
      n: ROUNDS,
      target: { min: 10 },
    }),
  ];
}

async function twoThreads(units: number): Promise<Figure> {
  const cores: AnalogCore[] = [];
  for (const threads of [1, 2]) {
    const core = await createTwinCore({ units, threads, noiseTemperatureError_ratio: 0 });
    core.load(program(units));
    await coupledRun(core, 2);
    cores.push(core);
  }
  const steps = Math.round((2 * KERNEL_MACS) / (units * units * REPLICAS));
  const speedup: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const one = await wall_s(() => coupledRun(cores[0], steps));
    speedup.push(one / (await wall_s(() => coupledRun(cores[1], steps))));
  }
  for (const core of cores) await core.close();
  return figure('threads2.speedup', median(speedup), 'ratio', {
    spread: standardErrorOf(speedup),
    n: ROUNDS,
  });
}

export async function run({ say }: { say: (line: string) => void }): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const units of [64, 256, 784, 1296]) {
    say(`N = ${units} ...`);
    figures.push(...(await kernelAgainstBaseline(units)));
  }
  figures.push(await twoThreads(784));
  return figures;
}
