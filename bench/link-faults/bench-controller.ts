// The twin's real firmware over a core without physics, for benches of the link; and buffers so small that a small image
// and a short run go through every window many times.
import {
  createController,
  twinCapabilities,
  twinLimits,
  type Controller,
} from '../../firmware-sim/firmware/index.ts';
import type { Clock } from '../../src/clock/clock.ts';
import type { Limits } from '../../src/link/index.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import type { DeterministicCore } from './deterministic-core.ts';

export const SMALL_UNITS = 64;
export const SMALL_LIMITS: Limits = {
  ...twinLimits(SMALL_UNITS),
  maxPayload: 632,
  chunkBytes: 96,
  loadWindowBytes: 960,
  sampleRingBytes: 8 * 1024,
};

/** The controller of boot number `boot`: always the same device, another boot id each time. */
export function benchController(
  core: DeterministicCore,
  clock: Clock,
  limits: Limits,
  { seed, boot }: { seed: number; boot: number },
): Controller {
  return createController({
    core,
    clock,
    random32: seededRandom32(seed * 64 + boot),
    drawSeed: () => 1n,
    identity: {
      uid: Uint8Array.of(1, 2),
      firmwareVersion: 'bench',
      firmwareGit: new Uint8Array(0),
      simulated: true,
    },
    capabilities: twinCapabilities(limits.units),
    limits,
  });
}
