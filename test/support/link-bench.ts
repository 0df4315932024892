// A host's link and a scripted device joined by a memory port on virtual time, for the tests of the link.
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { connect, LinkError, type ConnectOptions, type Link, type RunRequest } from '../../src/link/index.ts';
import { createMemoryPair } from '../../src/transports/memory/memory-port.ts';
import { lossyPort, type Damage } from './lossy-port.ts';
import { ScriptedDevice, type Script } from './scripted-device.ts';
import { seededRandom32 } from './seeded-random.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface Bench {
  clock: VirtualClock;
  device: ScriptedDevice;
  open: () => Promise<Link>;
}

let clients = 0;

export function bench(
  script: Partial<Script> = {},
  options: Partial<ConnectOptions> = {},
  damage?: Damage,
): Bench {
  const clock = new VirtualClock();
  const [near, far] = createMemoryPair({ clock, delay_ms: 1, maxPieceBytes: 700, seed: 1 });
  const device = new ScriptedDevice({ clock, port: far, ...script });
  clients += 1;
  const clientId = clients;
  const open = async (): Promise<Link> => {
    await device.start();
    const port = damage === undefined ? near : lossyPort(near, damage);
    const random32 = seededRandom32(clientId);
    return clock.settle(connect({ port, clock, random32, clientId, hostVersion: 'test', ...options }));
  };
  return { clock, device, open };
}

export async function failure(promise: Promise<unknown>): Promise<LinkError> {
  const error = await promise.then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(LinkError);
  return error as LinkError;
}

export const image = (bytes: number): Uint8Array => {
  const random = seededRandom32(bytes);
  return Uint8Array.from({ length: bytes }, () => random());
};
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const request = (samples: number): RunRequest => ({
  programId: '00'.repeat(32),
  samples,
  initial: 'zero',
  phases: [{ duration_ns: 2500, coupled: true, readAt_ns: [0, 2500] }],
});
export const loadOptions = { kind: 'program', units: 8 } as const;
