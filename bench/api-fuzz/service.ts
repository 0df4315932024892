// A process: the real service with a small twin in it, keys for the fuzzer, and an ear on its log for secrets.
import { readdirSync, readlinkSync } from 'node:fs';
import { startRealService } from '../../test/support/real-service.ts';
import { configOf, serveParent } from '../link/processes.ts';
import { collector } from '../soak/memory.ts';
import type { FuzzKey } from './requests.ts';

export interface FuzzServiceConfig {
  /** 0: exempt from the rate limit. */
  requestsPerMinute: number;
}
export interface FuzzServiceReady {
  url: string;
  /** The administrator's first. */
  keys: FuzzKey[];
}
export interface FuzzServiceState {
  heap_bytes: number;
  rss_bytes: number;
  /** Open files and sockets, without what threads and timers of the runtime hold. */
  files: number;
  /** Lines of the log that hold a secret. */
  logLeaks: number;
  /** Errors that the service did not expect; the last ones. */
  defects: string[];
}

const DEFECTS_MAX = 20;
const config = configOf<FuzzServiceConfig>();
const secrets: string[] = [];
const defects: string[] = [];
let logLeaks = 0;
const log = (line: string): void => {
  if (secrets.some((secret) => line.includes(secret))) logLeaks += 1;
  if (!line.includes('"code":"internal-error"') && !line.includes('"level":60')) return;
  defects.push(line.slice(0, 2000));
  if (defects.length > DEFECTS_MAX) defects.shift();
};
const service = await startRealService({ units: 8, logTo: log });
const roles = ['admin', 'operator', 'researcher', 'viewer', 'ci'] as const;
const keys: FuzzKey[] = [];
for (const role of roles) {
  const token = await service.newKey({
    name: `fuzz ${role}`,
    role,
    limits: { requestsPerMinute: config.requestsPerMinute },
  });
  keys.push({ name: role, token });
}
secrets.push(
  ...[service.adminKey, service.key, ...keys.map((key) => key.token)].map((key) => key.slice(-43)),
);

const collect = collector();
function state(): FuzzServiceState {
  collect();
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  return {
    heap_bytes: heapUsed,
    rss_bytes: rss,
    files: openFiles(),
    logLeaks,
    defects,
  };
}
function openFiles(): number {
  const targets = readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return 'anon_inode:gone';
    }
  });
  return targets.filter((target) => !target.startsWith('anon_inode:') && !target.startsWith('pipe:')).length;
}
async function stop(): Promise<true> {
  await service.close();
  return true;
}
serveParent({ url: service.url, keys } satisfies FuzzServiceReady, { state, stop });
