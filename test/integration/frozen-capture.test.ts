// A capture that was frozen over the API while the line went on: played back in the place of the device, it gives the same job.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createTwin, serveTcp } from '../../firmware-sim/ports/index.ts';
import { devicePorts } from '../../src/cli/serve/device-port.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { Device, type RelaxRequest } from '../../src/device/index.ts';
import { emptyModel, quantise } from '../../src/physics/index.ts';
import { openPort, readCapture } from '../../src/transports/index.ts';
import { startRealService } from '../support/real-service.ts';
import { seededRandom32 } from '../support/seeded-random.ts';

const ends: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'thermoloop-frozen-'));
  ends.push(() => rmSync(path, { recursive: true }));
  return path;
}

/** One job on a device behind these ports. */
async function job(open: () => ReturnType<typeof openPort>, seed: number) {
  const device = new Device({
    id: 'd',
    url: 'tcp://127.0.0.1:1',
    openPort: open,
    clock: systemClock,
    random32: seededRandom32(seed),
    hostVersion: 'test',
  });
  ends.push(() => device.close());
  device.start();
  await device.whenReady(10_000);
  const request: RelaxRequest = {
    program: quantise(emptyModel(64), device.capabilities?.ranges),
    samples: 50,
    duration_s: 1e-7,
    readAt_s: [1e-7],
    recordSwitchOn: true,
    noiseTemperature_ratio: 1,
    seed: 11n,
  };
  return { result: await device.relax(request), backend: device.backend };
}

it('replays to the same samples', async () => {
  const twin = await createTwin({
    units: 64,
    threads: 1,
    seed: 1n,
    noiseTemperatureError_ratio: 0,
    firmwareVersion: 'test',
    clock: systemClock,
  });
  ends.push(() => twin.close());
  const server = await serveTcp(twin.controller, { host: '127.0.0.1', port: 0 });
  ends.push(() => server.close());
  const { open, recorder } = devicePorts({
    url: `tcp://127.0.0.1:${server.port}`,
    deviceId: 'd',
    captureDir: null,
    recorder: true,
    clock: systemClock,
    log: () => undefined,
  });
  const live = await job(open, 1);
  const frozen = recorder.freeze();
  expect(frozen?.facts.dropped_bytes).toBe(0);
  const file = join(folder(), 'frozen.mcap');
  writeFileSync(file, (await frozen?.encode()) ?? '');
  const replayed = await job(() => openPort(`replay:${file}?patience=5`), 2);
  expect([live.backend, replayed.backend]).toEqual(['twin', 'replay']);
  expect(replayed.result.digest).toBe(live.result.digest);
  expect(replayed.result.codes).toEqual(live.result.codes);
});

it('is an MCAP file of both directions when it is downloaded from the service', async () => {
  const service = await startRealService({ units: 8 });
  ends.push(() => service.close());
  const headers = { authorization: `Bearer ${service.key}`, 'content-type': 'application/json' };
  const made = await fetch(`${service.url}/v1/captures`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ device: 'chip-0' }),
  });
  expect(made.status).toBe(201);
  const { id, replayable } = (await made.json()) as { id: string; replayable: boolean };
  expect(replayable).toBe(true);
  const file = join(folder(), 'downloaded.mcap');
  const download = await fetch(`${service.url}/v1/captures/${id}`, { headers });
  writeFileSync(file, Buffer.from(await download.arrayBuffer()));
  const { events } = await readCapture(file);
  const directions = new Set(events.flatMap((event) => (event.kind === 'bytes' ? [event.direction] : [])));
  expect([...directions].sort()).toEqual(['device_to_host', 'host_to_device']);
});
