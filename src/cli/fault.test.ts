// `thermoloop fault` against a twin process: planted, seen in the samples that come over the link, cleared, gone.
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTwin, thermoloop, until } from '../../test/support/processes.ts';
import { openDevice, type Device, type RelaxResult } from '../device/index.ts';
import { emptyModel, quantise } from '../physics/index.ts';
import type { Child } from './demo/children.ts';
import { registerFault } from './fault.ts';

const UNITS = 8;
let twin: Child;
let device: Device;
let control: string;

beforeAll(async () => {
  twin = await startTwin({ units: UNITS, words: ['--control', '127.0.0.1:0'] });
  control = String(twin.ready['control']);
  device = openDevice({ id: 'twin', url: String(twin.ready['url']), hostVersion: 'test' });
  device.start();
  await device.whenReady(10_000);
});
afterAll(async () => {
  await device.close();
  await twin.stop();
});

/** Runs the subcommand in this process; rejects with what the command line would say. */
async function fault(...words: string[]): Promise<string> {
  let out = '';
  const written = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const program = new Command('thermoloop').exitOverride().configureOutput({ writeErr: () => undefined });
  registerFault(program);
  for (const command of program.commands.flatMap((c) => [c, ...c.commands])) {
    command.exitOverride().configureOutput({ writeErr: () => undefined });
  }
  try {
    await program.parseAsync(['fault', ...words, '--control', control], { from: 'user' });
    return out;
  } finally {
    written.mockRestore();
  }
}

function relax(): Promise<RelaxResult> {
  const model = emptyModel(UNITS);
  model.couplings[1] = model.couplings[UNITS] = 0.3;
  return device.relax({
    program: quantise(model, device.capabilities?.ranges),
    samples: 20,
    duration_s: 2.5e-6,
    readAt_s: [2.5e-6],
    recordSwitchOn: true,
    noiseTemperature_ratio: 1,
    seed: 11n,
  });
}
const unit = ({ codes }: RelaxResult, k: number): number[] =>
  Array.from(codes).filter((_, at) => at % UNITS === k);

describe('thermoloop fault', () => {
  it('a readout that is stuck shows in the samples; cleared, they have the bytes of before', async () => {
    const healthy = await relax();
    const words = ['inject', 'readout', 'stuck', '--unit', '3', '--magnitude', '77codes', '--json'];
    const planted = await thermoloop('fault', ...words, '--control', control);
    expect(planted).toMatchObject({ code: 0, err: '' });
    const { id } = (JSON.parse(planted.out) as { fault: { id: string } }).fault;

    const failing = await relax();
    expect(new Set(unit(failing, 3))).toEqual(new Set([77]));
    for (const k of [0, 1, 2, 4, 5, 6, 7]) expect(unit(failing, k)).toEqual(unit(healthy, k));
    const line = `${id}  readout stuck  unit 3  77 codes  in force until cleared`;
    expect(await fault('list')).toMatch(new RegExp(`^1 planted at .*\n${line}\n$`));

    expect(await fault('clear', id)).toBe('1 cleared\n');
    expect((await relax()).digest).toBe(healthy.digest);
    expect(await fault('list')).toMatch(/^no faults/);
  });

  it('a coupling that is off changes what the pair does, and ok mends it', async () => {
    const healthy = await relax();
    await fault('inject', 'coupling', 'off', '--pair', '0,1');
    const failing = await relax();
    expect(unit(failing, 0)).not.toEqual(unit(healthy, 0));
    expect(unit(failing, 5)).toEqual(unit(healthy, 5));
    expect(await fault('inject', 'coupling', 'ok')).toBe('coupling: cleared\n');
    expect((await relax()).digest).toBe(healthy.digest);
  });

  it('a delayed line gives the same bytes, a silent one is lost and comes back', async () => {
    const healthy = await relax();
    await fault('inject', 'link', 'delayed', '--magnitude', '30ms');
    expect((await relax()).digest).toBe(healthy.digest);
    await fault('clear', '--all');
    await fault('inject', 'link', 'off', '--direction', 'to-host', '--duration', '6');
    await expect(relax()).rejects.toMatchObject({ code: expect.stringMatching(/^link-/) as string });
    const isBack = (): Promise<boolean> =>
      relax().then(
        ({ digest }) => digest === healthy.digest,
        () => false,
      );
    await until(isBack, 40, 'the line is back, with the bytes of before');
  }, 60_000);

  it('the surroundings become warmer, which the sensors tell and no fault is', async () => {
    expect(await fault('ambient')).toBe('surroundings at 25.0 C (constant)\n');
    expect(await fault('ambient', '61.5')).toBe('surroundings at 61.5 C (constant)\n');
    expect(await fault('list')).toMatch(/^no faults/);
    const ambient = (): unknown => device.telemetry.status.latest?.values['ambientTemperature_C'];
    await until(() => Promise.resolve(ambient() === 61.5), 10, 'the sensor of the surroundings tells it');
    expect(JSON.parse(await fault('ambient', 'profile', '--json'))).toEqual({
      ambient: { kind: 'constant', temperature_C: 25 },
      temperature_C: 25,
    });
    await expect(fault('ambient', 'warm')).rejects.toThrow('"warm" is no temperature');
    await expect(fault('ambient', '-56')).rejects.toMatchObject({ code: 'control-refused' });
  });

  it('says what can fail, with units and bounds', async () => {
    const out = await fault('list', '--vocabulary');
    expect(out).toMatch(/^readout stuck: .*\[--magnitude\] -2047 to 2047 codes/m);
    expect(out).toMatch(/^coupling slow: impossible, /m);
    expect(out).toMatch(/^units 0 to 7; sensors: /m);
  });

  it.each([
    [['inject', 'coupling', 'slow'], 'impossible-fault', 'thermoloop fault list --vocabulary'],
    [['inject', 'readout', 'wrong', '--unit', '3'], 'invalid-fault', 'Give error of the gain'],
    [['inject', 'readout', 'off', '--unit', '8'], 'unknown-target', 'units 0 to 7'],
    [['clear', 'fault-99'], 'unknown-fault', 'None is planted'],
  ])('%j is refused as %s, with what to do', async (words, reason, remedy) => {
    const refusal = { code: 'control-refused', reason, remedy: expect.stringContaining(remedy) as string };
    await expect(fault(...words)).rejects.toMatchObject(refusal);
  });

  it.each([
    [['inject', 'readout', 'stuck', '--magnitude', 'much'], /a number with its unit, such as 500codes/],
    [['inject', 'coupling', 'off', '--pair', '3'], /two units, such as 3,7/],
    [['inject', 'link', 'off', '--direction', 'up'], /to-device, to-host/],
    [['clear'], /takes ids of faults, or --all/],
  ])('%j is no command', async (words, says) => {
    await expect(fault(...words)).rejects.toThrow(says);
  });

  it('refuses the port of the device, and says which one is meant', async () => {
    const address = String(twin.ready['url']).replace('tcp://', '');
    const { code, err } = await thermoloop('fault', 'list', '--control', address);
    expect(code).toBe(2);
    expect(err).toMatch(/is not the control channel of a twin: it stays silent\nGive the address/);
  });

  it('says in its help that a chip has no such channel', async () => {
    const { out } = await thermoloop('fault', 'inject', '--help');
    expect(out).toContain('a chip has no such channel');
    expect(out).toContain('Examples:');
  });
});
