// The time of a load whose program differs from the one in the device in a few scattered couplings, over that of a full one.
import { encodeProgramImage } from '../../src/physics/index.ts';
import { randomProgram, withScatteredChanges } from './images.ts';
import type { LimitedLink } from './limited-link.ts';
import { sharedNow_ms } from './processes.ts';

export interface PatchTimes {
  full_s: number[];
  patch_s: number[];
  /** Bytes sent for one patch, the last one. */
  patch_bytes: number;
}

export async function patchTimes(
  limited: LimitedLink,
  options: { units: number; share: number; rounds: number; seed: number },
): Promise<PatchTimes> {
  const { units, share, rounds, seed } = options;
  const times: PatchTimes = { full_s: [], patch_s: [], patch_bytes: 0 };
  const load = async (image: Uint8Array): Promise<{ time_s: number; sent: number; programId: string }> => {
    const start_ms = sharedNow_ms();
    const { sentBytes, programId } = await limited.link.load(image, { kind: 'program', units });
    return { time_s: (sharedNow_ms() - start_ms) / 1000, sent: sentBytes, programId };
  };
  for (let round = 0; round < rounds; round += 1) {
    const program = randomProgram(units, seed * 10_000 + 8_000 + round);
    const full = await load(encodeProgramImage(program));
    // The base drives the chip, as it does when a program is trained further: the patch goes into the other bank.
    await limited.link.activate(full.programId);
    const patch = await load(encodeProgramImage(withScatteredChanges(program, share, round + 1)));
    times.full_s.push(full.time_s);
    times.patch_s.push(patch.time_s);
    times.patch_bytes = patch.sent;
  }
  return times;
}
