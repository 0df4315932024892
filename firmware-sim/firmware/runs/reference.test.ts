// ReadReference at the firmware: a run like any other, without a program, and its refusals.
import { describe, expect, it } from 'vitest';
import { Code, Detail, RunPhase } from '../../../src/link/messages/index.ts';
import type { Envelope, ReadReference } from '../../../src/link/messages/index.ts';
import {
  boardWithProgram,
  bootBoard,
  fakeCode,
  packSlowly,
  settle,
  sha256,
  startRun,
  TestHost,
} from '../board.test-support.ts';
import { twinCapabilities } from '../capabilities.ts';

const request = (changes: Partial<ReadReference> = {}): ReadReference => ({
  runToken: 9n,
  units: 3,
  samples: 10,
  level: [-32768, 0, 16384],
  seed: 5n,
  ...changes,
});
const read = (host: TestHost, changes: Partial<ReadReference> = {}): Envelope | undefined =>
  host.request({ type: 'readReference', value: request(changes) });

describe('ReadReference', () => {
  it('runs without a program, with levels in x, and streams its records', async () => {
    const { controller, core } = bootBoard();
    const host = new TestHost(controller);
    host.hello();
    const reply = read(host);
    expect(reply?.body).toMatchObject({
      type: 'runAccepted',
      value: { run: 1, recordBytes: 18, totalBytes: 180n },
    });
    await settle();
    expect(core.runs.map(({ reference, phases }) => ({ reference, phases }))).toEqual(
      core.runs.map(() => ({ reference: { units: 3, level_x: [-1.5, 0, 0.75] }, phases: [] })),
    );
    const bytes = Buffer.concat(host.samples().map(({ data }) => data));
    const record = (sample: number): number[] =>
      [0, 1, 2].flatMap((level) => packSlowly([0, 1, 2].map((unit) => fakeCode(5n, sample, level, unit))));
    expect(bytes).toEqual(Buffer.from(Array.from({ length: 10 }, (_, sample) => record(sample)).flat()));
    expect(host.eventsOf('runState')).toMatchObject([
      { run: 1, phase: RunPhase.DONE, totalBytes: 180n, digest: Uint8Array.from(sha256(bytes)) },
    ]);
  });

  it('is one run for one token, and leaves the active program as it is', async () => {
    const { host, image, core } = boardWithProgram();
    const program = core.program;
    expect(read(host)?.body).toEqual(read(host)?.body);
    await settle();
    expect(core.runs.reduce((sum, { samples }) => sum + samples, 0)).toBe(10);
    host.request({ type: 'ackRun', value: { run: 1 } });
    expect(core.program).toBe(program);
    const run = host.request({ type: 'startRun', value: startRun(sha256(image)) });
    expect(run?.body).toMatchObject({ type: 'runAccepted', value: { run: 2 } });
  });

  it('draws a seed where none is given', async () => {
    const { host, core } = boardWithProgram();
    read(host, { seed: undefined });
    await settle();
    expect(core.runs[0].seed).toBe(1234n);
  });

  it.each<[string, Partial<ReadReference>, RegExp]>([
    ['a token of 0', { runToken: 0n }, /run_token/],
    ['no units', { units: 0 }, /0 units, allowed 1\.\.5/],
    ['more units than there are', { units: 6 }, /6 units, allowed 1\.\.5/],
    ['no samples', { samples: 0 }, /0 samples/],
    ['no level', { level: [] }, /no level/],
    ['a level above the largest', { level: [0, 32769] }, /level 32769/],
    ['a level below the lowest', { level: [-32769] }, /level -32769/],
  ])('is refused with %s', (_what, changes, message) => {
    const { host, core } = boardWithProgram();
    const status = read(host, changes)?.status;
    expect(status).toMatchObject({ code: Code.INVALID_ARGUMENT, detail: Detail.BAD_SCHEDULE });
    expect(status?.message).toMatch(message);
    expect(core.runs).toEqual([]);
  });

  it('is refused while a run is active, and by a device without a reference or without seeds', async () => {
    const busy = boardWithProgram();
    busy.core.hold = true;
    read(busy.host);
    await settle();
    expect(read(busy.host, { runToken: 2n })?.status).toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message: 'run 1 is active',
    });
    const capabilities = twinCapabilities(5);
    const without = boardWithProgram({ capabilities: { ...capabilities, referenceLevelMaxX: 0 } });
    expect(read(without.host)?.status?.code).toBe(Code.UNIMPLEMENTED);
    const chip = boardWithProgram({ capabilities: { ...capabilities, seed: false } });
    expect(read(chip.host)?.status?.code).toBe(Code.UNIMPLEMENTED);
    expect(read(chip.host, { seed: undefined })?.body?.type).toBe('runAccepted');
  });
});
