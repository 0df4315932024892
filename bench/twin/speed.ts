// Whole steps of the kernel on one thread against every reference: JavaScript, native code, a matrix product alone. All of
// them once per round, in turn; a ratio is the median over the rounds of what was measured side by side.
import { blockedStepper, type BlockedStepper } from '../baselines/blocked-javascript.ts';
import { plainStepper } from '../baselines/plain-javascript.ts';
import { figure, median, standardErrorOf, type Figure } from '../figure.ts';
import { cpuSeconds } from '../machine.ts';
import type { Absent, NativeReferences } from './native.ts';
import { kernelRig, workload, workloadProgram, type KernelRig, type Workload } from './workload.ts';

export const REPLICAS = 256;
const ROUNDS = 9;
/** Multiply-accumulates of one timed piece: about 0.1 to 0.3 s each. */
const KERNEL_MACS = 4e9;
const JAVASCRIPT_MACS = 2e8;
/** Steps after which the native states are compared with the kernel's, in 64 replicas. */
const CHECKED_STEPS = 40;
const CHECKED_REPLICAS = 64;

/** A way to take steps: CPU seconds per step of all replicas. */
type Timed = () => Promise<number>;

const stepsFor = (macs: number, units: number): number =>
  Math.max(2, Math.round(macs / (units * units * REPLICAS)));

function javascript(units: number, stepperOf: typeof blockedStepper): Timed {
  const stepper: BlockedStepper = stepperOf(units, REPLICAS, 1e-3);
  const steps = stepsFor(JAVASCRIPT_MACS, units);
  stepper.advance(2);
  return async () => (await cpuSeconds(() => stepper.advance(steps))) / steps;
}

/** Throws if the native step does not have the kernel's bits: then it is not the same work. */
async function nativeStep(
  references: NativeReferences,
  load: Workload,
  rig: KernelRig,
  widened: boolean,
): Promise<Timed> {
  const native = await references.kernel(load, widened);
  if (widened) {
    const { states } = await native.run(CHECKED_STEPS, CHECKED_REPLICAS);
    const ours = await rig.run(CHECKED_STEPS, CHECKED_REPLICAS);
    if (states.length !== ours.length || states.some((x, k) => x !== ours[k]))
      throw new Error(`the native reference has other bits than the kernel at N = ${load.units}`);
  }
  const steps = stepsFor(KERNEL_MACS, load.units);
  return async () => (await native.run(steps, REPLICAS)).cpu_s / steps;
}

async function referencesOf(
  load: Workload,
  rig: KernelRig,
  references: NativeReferences | Absent,
): Promise<Map<string, Timed>> {
  const { units } = load;
  const timed = new Map<string, Timed>([
    ['blocked_js', javascript(units, blockedStepper)],
    ['plain_js', javascript(units, plainStepper)],
  ]);
  if ('missing' in references) return timed;
  timed.set('native_int16', await nativeStep(references, load, rig, true));
  timed.set('native_unwidened', await nativeStep(references, load, rig, false));
  const { sgemm } = references;
  const products = stepsFor(KERNEL_MACS, units);
  if (!('missing' in sgemm))
    timed.set('sgemm', async () => (await sgemm(units, REPLICAS, products)) / products);
  return timed;
}

/** What is promised of the kernel's speed over a reference's. */
function targetOf(reference: string, units: number): { min: number } | undefined {
  if (reference === 'blocked_js' || reference === 'plain_js') return { min: 10 };
  if (reference === 'native_int16') return { min: 0.45 };
  return reference === 'sgemm' && units >= 784 ? { min: 0.5 } : undefined;
}

/** Figures n<N>.*: rates of the kernel, and its speed over each reference that is there. */
export async function speedFigures(units: number, references: NativeReferences | Absent): Promise<Figure[]> {
  const load = workload(workloadProgram(units));
  const rig = await kernelRig(load, 1);
  const others = await referencesOf(load, rig, references);
  const steps = stepsFor(KERNEL_MACS, units);
  await rig.run(2, REPLICAS);
  const kernel_s: number[] = [];
  const other_s = new Map([...others.keys()].map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++) {
    kernel_s.push((await cpuSeconds(() => rig.run(steps, REPLICAS))) / steps);
    for (const [name, timed] of others) other_s.get(name)?.push(await timed());
  }
  await rig.close();
  const rate = (name: string, unit: string, work: number, times: readonly number[]): Figure => {
    const rates = times.map((t) => work / t);
    return figure(`n${units}.${name}`, median(rates), unit, { spread: standardErrorOf(rates), n: ROUNDS });
  };
  const ratio = (
    name: string,
    above: readonly number[],
    below: readonly number[],
    target?: { min: number },
  ) => {
    const ratios = above.map((t, k) => t / below[k]);
    return figure(`n${units}.${name}`, median(ratios), 'ratio', {
      spread: standardErrorOf(ratios),
      n: ROUNDS,
      target,
    });
  };
  const macs = (units * units * REPLICAS) / 1e9;
  const figures = [
    rate('unit_updates_per_s', '1/s', units * REPLICAS, kernel_s),
    rate('gmac_per_s', 'GMAC/s', macs, kernel_s),
  ];
  for (const [name, times] of other_s) {
    figures.push(rate(`${name}.gmac_per_s`, 'GMAC/s', macs, times));
    if (name !== 'native_unwidened')
      figures.push(ratio(`vs_${name}`, times, kernel_s, targetOf(name, units)));
  }
  const widened = other_s.get('native_int16');
  const unwidened = other_s.get('native_unwidened');
  if (widened && unwidened) figures.push(ratio('native_widening_cost', widened, unwidened));
  return figures;
}
