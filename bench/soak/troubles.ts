// Which trouble comes next: drawn by a seed, one a second.
import type { HelperProcess } from '../link/processes.ts';
import type { TroubledPort } from './troubled-port.ts';

export const TROUBLES = [
  'drop',
  'flip',
  'duplicate',
  'reorder',
  'silence',
  'stale',
  'pull',
  'reboot',
  'freeze',
] as const;
export type Trouble = (typeof TROUBLES)[number];

export interface Scene {
  /** The line that stands now; null between two connections. */
  port: TroubledPort | null;
  /** Bytes that were written on an earlier line. */
  old: readonly Uint8Array[];
  device: HelperProcess<unknown>;
}

/** Up to here a silence is short enough to be waited for; above 4.5 s the link is given up. */
const SILENCE_MIN_MS = 50;
const SILENCE_MAX_MS = 6_000;
const FREEZE_MAX_MS = 1_500;
const DAMAGED_BYTES_MAX = 40;

/** Draws a trouble and lets it happen. Returns its name. */
export function trouble(scene: Scene, uniform: () => number): Trouble {
  const kind = TROUBLES[Math.floor(uniform() * TROUBLES.length)];
  const direction = uniform() < 0.5 ? 'out' : 'in';
  const size = uniform();
  const { port, old, device } = scene;
  switch (kind) {
    case 'drop':
    case 'flip':
    case 'duplicate':
      port?.damage(direction, kind, Math.ceil(DAMAGED_BYTES_MAX ** size));
      break;
    case 'reorder':
      port?.reorder(direction);
      break;
    case 'silence':
      port?.silence(direction, SILENCE_MIN_MS * (SILENCE_MAX_MS / SILENCE_MIN_MS) ** size);
      break;
    case 'stale':
      for (const bytes of old.slice(0, 1 + Math.floor(size * 10))) port?.inject(bytes);
      break;
    case 'pull':
      port?.cut();
      break;
    case 'reboot':
      void device.ask('reboot');
      break;
    case 'freeze':
      device.freeze(size * FREEZE_MAX_MS);
      break;
  }
  return kind;
}
