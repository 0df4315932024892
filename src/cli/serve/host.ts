// Who this host is to the others on the same database, and how it holds the leases of its devices.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../clock/clock.ts';
import type { SharedDevice } from '../../device/index.ts';
import { Driving, LeaseKeeper } from '../../jobs/index.ts';
import type { Store } from '../../store/index.ts';
import type { ServeConfig } from './config.ts';
import type { OnLog } from './devices.ts';

const FILE = 'host-id';

/**
 * The name under which this host holds leases: the setting, or the machine's name and a mark of the data directory, which
 * only one process holds at a time. So whoever asks under it knows that its former process is gone.
 */
export function hostId({ hostId: given, dataDir }: Pick<ServeConfig, 'hostId' | 'dataDir'>): string {
  return given ?? `${hostname()}/${markOf(join(dataDir, FILE))}`;
}

function markOf(path: string): string {
  try {
    const text = readFileSync(path, 'utf8').trim();
    if (text !== '') return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const mark = randomBytes(8).toString('hex');
  writeFileSync(path, `${mark}\n`, { mode: 0o600 });
  return mark;
}

export interface LeaseParts {
  config: Pick<ServeConfig, 'leaseTerm_ms' | 'database'>;
  holder: string;
  store: Store;
  onLog: OnLog;
}

/** The keeper of a device's lease. */
export function makeKeeper(device: string, { config, holder, store, onLog }: LeaseParts): LeaseKeeper {
  const term_ms = config.leaseTerm_ms;
  return new LeaseKeeper({ device, holder, leases: store.leases, term_ms, clock: systemClock, onLog });
}

/** What connects the device while this host has its lease. A line that is no network connection stays with its host. */
export function makeDriving(device: SharedDevice, keeper: LeaseKeeper, parts: LeaseParts) {
  const { config, holder, store, onLog } = parts;
  const isShared = config.database !== null;
  return new Driving({
    device,
    keeper,
    store,
    host: isShared && !/(^|\+)tcp:/.test(device.url) ? holder : null,
    ...(isShared && { hearChanges: store.onChange.bind(store) }),
    onLog,
  });
}
