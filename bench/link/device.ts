// A process: the real firmware over TCP with chosen buffers and a core that costs nothing, and beside it a sink that
// takes any bytes. It can lose power, and tells its memory.
import { createServer, type AddressInfo } from 'node:net';
import type { Controller } from '../../firmware-sim/firmware/index.ts';
import { serveTcp, type TcpService } from '../../firmware-sim/ports/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import type { Limits } from '../../src/link/index.ts';
import { benchController } from '../link-faults/bench-controller.ts';
import { DeterministicCore } from '../link-faults/deterministic-core.ts';
import { configOf, serveParent } from './processes.ts';

export interface DeviceConfig {
  limits: Limits;
  seed: number;
}
export interface DeviceReady {
  port: number;
  sinkPort: number;
}
export interface DeviceMemory {
  heap_bytes: number;
  rss_bytes: number;
}

const { limits, seed } = configOf<DeviceConfig>();
const core = new DeterministicCore(systemClock, limits.units);
let boots = 0;
let controller: Controller;
let service: TcpService;

async function boot(port: number): Promise<void> {
  boots += 1;
  controller = benchController(core, systemClock, limits, { seed, boot: boots });
  service = await serveTcp(controller, { host: '127.0.0.1', port });
}

async function reboot(): Promise<void> {
  const { port } = service;
  controller.close();
  await service.close();
  await boot(port);
}

/** After a collection where the process was started with one to call. */
function memory(): DeviceMemory {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap_bytes: heapUsed, rss_bytes: rss };
}

await boot(0);
const sink = createServer((socket) => socket.on('error', () => undefined).resume());
sink.listen(0, '127.0.0.1', () => {
  const ready = { port: service.port, sinkPort: (sink.address() as AddressInfo).port } satisfies DeviceReady;
  serveParent(ready, { reboot, memory });
});
