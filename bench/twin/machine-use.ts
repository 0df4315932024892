// What the kernel takes of a machine: threads, memory over steps, bytes per unit; and what a mask saves.
import { areaBytesPerUnit } from '../../firmware-sim/chip/kernel/kernel.ts';
import { figure, median, standardErrorOf, type Figure } from '../figure.ts';
import { collector } from '../soak/memory.ts';
import { cpuSeconds, otherLoad, wallSeconds } from '../machine.ts';
import { REPLICAS } from './speed.ts';
import { kernelRig, workload, workloadProgram } from './workload.ts';

const ROUNDS = 7;
const UNITS = 784;
/** About a quarter of a second of one thread at N = 784. */
const STEPS = 48;
/** Above this share of the machine in other hands, two threads cannot show what they can do. */
const IDLE_SHARE = 0.1;
/** Growth that an allocator may show without any leak; one byte per unit, replica and step more would be 90 MB. */
const GROWTH_MAX_BYTES = 4 * 2 ** 20;

/** Wall time of one thread over that of two; promised only where the machine is otherwise idle. */
export async function threadFigures(): Promise<Figure[]> {
  const load = workload(workloadProgram(UNITS));
  const one = await kernelRig(load, 1);
  const two = await kernelRig(load, 2);
  await one.run(2, REPLICAS);
  await two.run(2, REPLICAS);
  const others = otherLoad();
  const seconds: [one: number, two: number][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    seconds.push([
      await wallSeconds(() => one.run(STEPS, REPLICAS)),
      await wallSeconds(() => two.run(STEPS, REPLICAS)),
    ]);
  }
  const busy = others();
  await one.close();
  await two.close();
  const idle = busy <= IDLE_SHARE;
  const busyNote = `others used ${(busy * 100).toFixed(0)} % of the machine: no target on a busy one`;
  const updates = STEPS * UNITS * REPLICAS;
  const rate = (name: string, times: number[]): Figure => {
    const rates = times.map((t) => updates / t);
    return figure(name, median(rates), '1/s', { spread: standardErrorOf(rates), n: ROUNDS });
  };
  const speedup = seconds.map(([a, b]) => a / b);
  return [
    rate(
      'threads1.unit_updates_per_wall_s',
      seconds.map(([a]) => a),
    ),
    rate(
      'threads2.unit_updates_per_wall_s',
      seconds.map(([, b]) => b),
    ),
    figure('threads2.others_share', busy, 'of the machine'),
    figure('threads2.speedup', median(speedup), 'ratio', {
      spread: standardErrorOf(speedup),
      n: ROUNDS,
      ...(idle ? { target: { min: 1.7 } } : { reference: 1.7, note: busyNote }),
    }),
  ];
}

/** Memory after ten times the steps over memory after the steps: the WebAssembly memory, and the process. */
export async function memoryFigures(): Promise<Figure[]> {
  const collect = collector();
  const rig = await kernelRig(workload(workloadProgram(UNITS)), 1);
  const after = async (steps: number): Promise<{ wasm: number; resident: number }> => {
    await rig.run(steps, REPLICAS);
    collect();
    return { wasm: rig.memory.buffer.byteLength, resident: process.memoryUsage.rss() };
  };
  const steps = STEPS / 4;
  await after(steps);
  const wasm: number[] = [];
  const resident: number[] = [];
  for (let round = 0; round < 3; round++) {
    const once = await after(steps);
    const tenTimes = await after(10 * steps);
    wasm.push(tenTimes.wasm - once.wasm);
    resident.push(Math.max(0, tenTimes.resident - once.resident));
  }
  await rig.close();
  return [
    figure('memory.growth_bytes', median(wasm) + median(resident), 'bytes', {
      n: resident.length,
      target: { max: GROWTH_MAX_BYTES },
    }),
    figure('memory.wasm_growth_bytes', Math.max(...wasm), 'bytes', { target: { max: 0 } }),
    figure('memory.bytes_per_unit', areaBytesPerUnit(UNITS) + 2 * UNITS, 'bytes'),
    figure('memory.bytes_per_unit_beside_couplings', areaBytesPerUnit(UNITS), 'bytes'),
  ];
}

/** The paper's network, 784 visible units and 512 hidden ones, with and without its mask. */
export async function maskFigures(): Promise<Figure[]> {
  const units = UNITS + 512;
  const load = workload(workloadProgram(units, (i, j) => i < UNITS !== j < UNITS));
  const dense = await kernelRig(load, 1, 'dense');
  const masked = await kernelRig(load, 1, 'masked');
  const steps = 12;
  await dense.run(2, REPLICAS);
  await masked.run(2, REPLICAS);
  const speedup: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const whole = await cpuSeconds(() => dense.run(steps, REPLICAS));
    speedup.push(whole / (await cpuSeconds(() => masked.run(steps, REPLICAS))));
  }
  await dense.close();
  await masked.close();
  // Products left: 2 x 784 x 512 of 1296^2.
  return [
    figure('masked.speedup', median(speedup), 'ratio', {
      spread: standardErrorOf(speedup),
      n: ROUNDS,
      reference: units ** 2 / (2 * UNITS * 512),
    }),
  ];
}
