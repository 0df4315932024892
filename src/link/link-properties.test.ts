// What holds for the host's link on every line: a request is executed once, and no more is in flight than the device granted.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { image, loadOptions } from '../../test/support/link-bench.ts';
import { ScriptedDevice, type Script } from '../../test/support/scripted-device.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { ChaosPort, createMemoryPair, type LaneFaults, type Port } from '../transports/index.ts';
import { FrameKind, StreamDecoder, type Frame, type FrameRole } from './frame/index.ts';
import { connect } from './index.ts';
import { decodeBulk, decodeEnvelope } from './messages/index.ts';

let clients = 70_000;

async function joined(faults: LaneFaults, seed: number, script: Partial<Script>, tap = (port: Port) => port) {
  const clock = new VirtualClock();
  clients += 1;
  const [near, far] = createMemoryPair({ clock, delay_ms: 1, seed });
  const device = new ScriptedDevice({ clock, port: far, ...script });
  await device.start();
  const port = new ChaosPort(tap(near), { faults: { out: faults, in: faults }, seed, clock });
  const random32 = seededRandom32(seed);
  const link = await clock.settle(connect({ port, clock, random32, clientId: clients, hostVersion: 'test' }));
  return { clock, device, link };
}

/** The frames that pass a port, both ways. */
function watched(port: Port, onSent: (frame: Frame) => void, onReceived: (frame: Frame) => void): Port {
  const decoder = (role: FrameRole, take: (frame: Frame) => void): StreamDecoder =>
    new StreamDecoder({ role, maxPayload: 4076, onResult: (r) => r.kind === 'frame' && take(r.frame) });
  const [sent, received] = [decoder('device', onSent), decoder('host', onReceived)];
  const write = port.write.bind(port);
  port.onData((bytes) => received.push(bytes));
  port.write = (bytes) => {
    sent.push(bytes);
    return write(bytes);
  };
  return port;
}

const spare_bytes = 300; // the handshake has tests of its own

describe('every request', () => {
  it('is executed once under duplication, reordering and loss', async () => {
    const requests = 25;
    const line = fc.record({
      duplicate: fc.double({ min: 0, max: 0.01, noNaN: true }),
      reorder: fc.double({ min: 0, max: 0.6, noNaN: true }),
      drop: fc.double({ min: 0, max: 0.002, noNaN: true }),
      seed: fc.nat(1_000_000),
    });
    await fc.assert(
      fc.asyncProperty(line, async ({ seed, ...faults }) => {
        const { clock, device, link } = await joined({ ...faults, spare_bytes }, seed, {});
        const before = device.executed['stopRun'] ?? 0;
        await clock.settle(Promise.all(Array.from({ length: requests }, () => link.stop())));
        expect((device.executed['stopRun'] ?? 0) - before).toBe(requests);
        expect(link.counters().requestTimeouts).toBe(0);
        await clock.settle(link.close());
      }),
      { seed: 5, numRuns: 40 },
    );
  });
});

describe('bytes in flight', () => {
  // On a clean line, where the device's reports say what has landed; losses are UploadPlan's own property.
  it('never exceed the window that the device granted', async () => {
    const chunkBytes = 120;
    const shape = fc.record({
      windowBytes: fc.integer({ min: chunkBytes, max: 30 * chunkBytes }),
      bytes: fc.integer({ min: 1, max: 12_000 }),
      seed: fc.nat(1_000_000),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ windowBytes, bytes, seed }) => {
        let [sent, reported, most] = [0, 0, 0];
        const onSent = ({ kind, payload }: Frame): void => {
          if (kind === FrameKind.chunk) sent += decodeBulk(payload)?.data.length ?? 0;
          most = Math.max(most, sent - reported);
        };
        const onReceived = ({ kind, payload }: Frame): void => {
          const envelope = kind === FrameKind.rpc ? decodeEnvelope(payload) : null;
          if (!envelope?.ok || envelope.value.body?.type !== 'loadReport') return;
          reported = envelope.value.body.value.receivedBytes;
        };
        const tap = (port: Port): Port => watched(port, onSent, onReceived);
        const { clock, device, link } = await joined({}, seed, { chunkBytes, windowBytes }, tap);
        const content = image(bytes);
        await clock.settle(link.load(content, loadOptions));
        expect(device.bank?.memory).toEqual(content);
        expect(sent).toBe(bytes);
        expect(most).toBeGreaterThan(0);
        expect(most).toBeLessThanOrEqual(windowBytes);
        await clock.settle(link.close());
      }),
      { seed: 6, numRuns: 50 },
    );
  });
});
