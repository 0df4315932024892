// The watchdogs of both ends on virtual time, with a line that goes dead in the middle of a run: they fire after the times
// that the protocol names, and never early.
import { expect, it } from 'vitest';
import { StreamDecoder, type Frame } from '../../src/link/frame/index.ts';
import { decodeEvent, Detail, RunPhase } from '../../src/link/messages/index.ts';
import { emptyModel, encodeModelNpz } from '../../src/physics/index.ts';
import { startVirtualService } from '../support/virtual-service.ts';

const UNITS = 64;
const HOST_SILENCE_MS = 5000;
/** 3 s until it is in doubt, then three pings 500 ms apart. */
const LINK_LOST_MS = 4500;
/** Of differences of milliseconds in floating point. */
const ROUNDING_MS = 1e-6;
const SAMPLES_FRAME = 4;
const EVENT_FRAME = 5;

it('fire 5 s and 4.5 s after the last frame of the other end', async () => {
  const last_ms = { host: 0, device: 0 };
  const holds: { at_ms: number; uptime_ms: number }[] = [];
  let frozenAt_ms: number | null = null;
  let line = { now_ms: 0, freeze: (): void => undefined };
  const onFrame = ({ kind, payload }: Frame): void => {
    if (kind === SAMPLES_FRAME && frozenAt_ms === null) {
      frozenAt_ms = line.now_ms;
      line.freeze();
    }
    if (kind !== EVENT_FRAME) return;
    const event = decodeEvent(payload);
    if (!event.ok || event.value.body?.type !== 'runState') return;
    const { phase, status } = event.value.body.value;
    if (phase === RunPhase.PAUSED && status?.detail === Detail.HOST_SILENT)
      holds.push({ at_ms: line.now_ms, uptime_ms: Number(event.value.uptimeUs) / 1000 });
  };
  const frames = new StreamDecoder({
    role: 'host',
    maxPayload: 65_535,
    onResult: (result) => {
      if (result.kind === 'frame') onFrame(result.frame);
    },
  });
  const service = await startVirtualService({
    units: UNITS,
    seed: 3n,
    profile: 'ideal',
    first_s: 10,
    tap: (from, bytes, now) => {
      line = now;
      // First: the frame that freezes the line is lost itself.
      if (from === 'device') frames.push(bytes);
      if (frozenAt_ms === null) last_ms[from] = now.now_ms;
    },
  });
  const go = await service.first;
  const { client, clock } = service;
  const model = await client.uploadModel(encodeModelNpz({ model: emptyModel(UNITS), metadata: {} }));
  const { id } = await client.json('POST', '/v1/jobs', {
    model,
    device: { id: 'chip-0' },
    relax: { duration_s: 1e-7 },
    samples: { count: 60_000 }, // more than the ring of the device holds
    retry: 'never',
  });
  const later = service.at(30);
  go();
  (await later)();
  const job = await client.wait(`/v1/jobs/${id}`);
  expect(job).toMatchObject({ state: 'failed', cause: 'link-lost' });
  const lost = service.log.find(({ line }) => line.includes('pings-unanswered'));
  expect(frozenAt_ms).toBeGreaterThanOrEqual(10_000);
  const lostAfter_ms = (lost?.at_ms ?? 0) - last_ms.device;
  expect(lostAfter_ms).toBeGreaterThanOrEqual(LINK_LOST_MS - ROUNDING_MS);
  expect(lostAfter_ms).toBeLessThan(LINK_LOST_MS + 4);
  expect(holds).toHaveLength(1);
  expect(holds[0].uptime_ms).toBeCloseTo(holds[0].at_ms, 2);
  const heldAfter_ms = holds[0].at_ms - last_ms.host;
  expect(heldAfter_ms).toBeGreaterThanOrEqual(HOST_SILENCE_MS - ROUNDING_MS);
  expect(heldAfter_ms).toBeLessThan(HOST_SILENCE_MS + 1);
  expect(clock.now_ms()).toBeGreaterThanOrEqual(30_000);
  await service.close();
});
