// Runs that are refused or fail: each with its code, its number and its limit, and nothing else changed.
import { describe, expect, it } from 'vitest';
import { CoreRefusal } from '../../chip/analog-core.ts';
import { Code, Detail, DeviceState, RunPhase } from '../../../src/link/messages/index.ts';
import type { Envelope, RunState, StartRun, Status } from '../../../src/link/messages/index.ts';
import { boardWithProgram, buildImage, settle, sha256, startRun } from '../board.test-support.ts';
import type { TestHost } from '../board.test-support.ts';

function start(host: TestHost, image: Uint8Array, changes: Partial<StartRun> = {}): Envelope | undefined {
  return host.request({ type: 'startRun', value: startRun(sha256(image), changes) });
}
const state = (host: TestHost): { device: DeviceState; run?: RunState } => {
  const reply = host.request({ type: 'getStatus', value: {} });
  if (reply?.body?.type !== 'deviceStatus') throw new Error('no status');
  return { device: reply.body.value.state, run: reply.body.value.run };
};

describe('refusals', () => {
  const refused = (envelope: Envelope | undefined): Status | undefined => envelope?.status;

  it('of a run without a program, of another program, and of a second run', async () => {
    const { host, image, core } = boardWithProgram();
    expect(refused(start(host, buildImage({ j2: [1, 1, 1, 1, 1] })))?.detail).toBe(Detail.PROGRAM_CHANGED);
    core.hold = true;
    start(host, image);
    await settle();
    expect(refused(start(host, image, { runToken: 2n }))).toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message: 'run 1 is active',
    });
    const bootId = host.hello({ hostNonce: 9 })?.bootId ?? 0n;
    host.request({ type: 'reset', value: { bootId, hard: false } });
    host.hello({ hostNonce: 10 });
    expect(refused(start(host, image))?.detail).toBe(Detail.NO_ACTIVE_PROGRAM);
  });

  it('of a schedule, with nothing changed', () => {
    const { host, image, core } = boardWithProgram();
    expect(refused(start(host, image, { samples: 0 }))).toMatchObject({ detail: Detail.BAD_SCHEDULE });
    expect(core.runs).toEqual([]);
    expect(state(host)).toEqual({ device: DeviceState.IDLE, run: undefined });
  });

  it.each([
    ['headroom', Code.OUT_OF_RANGE, Detail.HEADROOM],
    ['noise-underflow', Code.OUT_OF_RANGE, Detail.NOISE_UNDERFLOW],
    ['unstable-step', Code.OUT_OF_RANGE, Detail.UNSTABLE_STEP],
    ['bad-program', Code.INVALID_ARGUMENT, Detail.BAD_LAYOUT],
    ['bad-schedule', Code.INVALID_ARGUMENT, Detail.BAD_SCHEDULE],
  ] as const)('of the core (%s) carry its number and limit', (reason, code, detail) => {
    const { host, image, core } = boardWithProgram();
    const message = '5 is above 4';
    core.refuseCheck = new CoreRefusal(reason, message);
    expect(refused(start(host, image))).toMatchObject({ code, detail, message });
    core.refuseLoad = new CoreRefusal(reason, `${message}, ${'very '.repeat(40)}much`);
    const other = buildImage({ bias: [9, 9, 9, 9, 9] });
    host.load(other, { bank: 1 });
    const status = refused(host.activate(other));
    expect(status).toMatchObject({ code, detail });
    expect(status?.message).toMatch(/^5 is above 4, very/);
    core.refuseCheck = null;
    expect(start(host, image)?.body?.type).toBe('runAccepted'); // the program before it still drives
  });

  it('of a batch fail the run with the reason', async () => {
    const { host, image, core } = boardWithProgram();
    core.failRun = new Error('the workers are gone');
    start(host, image);
    await settle();
    expect(host.eventsOf('runState')).toMatchObject([
      { phase: RunPhase.FAILED, status: { code: Code.INTERNAL, message: expect.any(String) as string } },
    ]);
    expect(host.eventsOf('runState')[0].status?.message).toMatch(/workers are gone/);
    core.failRun = null;
    expect(start(host, image, { runToken: 2n })?.body?.type).toBe('runAccepted');
  });
});
