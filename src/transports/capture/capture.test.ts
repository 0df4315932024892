// Capture files: what is written comes back, what is damaged says so, and no disk can harm the line.
import { McapWriter } from '@mcap/core';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TransportError } from '../port.ts';
import { CAPTURE_METADATA, type CaptureEvent } from './format.ts';
import { readCapture } from './read.ts';
import { CaptureWriter, diskFiles, QUEUE_LIMIT_BYTES, type CaptureFiles } from './write.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thermoloop-capture-'));
});
afterAll(() => rm(folder, { recursive: true }));

const FACTS = { label: 'memory:a', opened_wall_ms: 1_790_000_000_123, dropped_bytes: 0 };

function events(count = 40): CaptureEvent[] {
  const all: CaptureEvent[] = [{ kind: 'note', at_ms: 0, note: { event: 'opened' } }];
  for (let i = 0; i < count; i += 1) {
    const direction = i % 3 === 0 ? 'host_to_device' : 'device_to_host';
    // Several events of the same instant: their order must stay.
    const at_ms = Math.floor(i / 4) * 1.25;
    all.push({ kind: 'bytes', at_ms, direction, bytes: Uint8Array.from({ length: 1 + i * 7 }, () => i) });
    if (i % 5 === 0) all.push({ kind: 'note', at_ms, note: { event: 'choice', what: 'random32', value: i } });
  }
  return all;
}

async function write(
  name: string,
  all: CaptureEvent[],
  options: { files?: CaptureFiles; facts?: typeof FACTS } = {},
): Promise<{ path: string; faults: TransportError[] }> {
  const faults: TransportError[] = [];
  const writer = new CaptureWriter({
    path: join(folder, name),
    facts: FACTS,
    onFault: (error) => faults.push(error),
    ...options,
  });
  for (const event of all) writer.take(event);
  await writer.end();
  return { path: writer.path, faults };
}

const failure = (path: string): Promise<TransportError> =>
  readCapture(path).then(
    () => {
      throw new Error('was read');
    },
    (error: unknown) => error as TransportError,
  );

describe('a capture file', () => {
  it('gives back every event in its order, with its time', async () => {
    const { path, faults } = await write('whole.mcap', events());
    expect(faults).toEqual([]);
    const capture = await readCapture(path);
    expect(capture).toEqual({ facts: FACTS, events: events() });
    expect((await stat(path)).mode & 0o077).toBe(0);
  });

  it('bears its name only when it is whole, and never takes the name of another', async () => {
    const path = join(folder, 'name.mcap');
    const writer = new CaptureWriter({ path, facts: FACTS, onFault: (error) => expect.fail(error.message) });
    for (const event of events()) writer.take(event);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(existsSync(path)).toBe(false);
    await writer.end();
    const first = await readFile(path);
    const second = await write('name.mcap', events(3));
    expect(second.path).toBe(join(folder, 'name-2.mcap'));
    expect(await readFile(path)).toEqual(first);
    expect((await readdir(folder)).filter((file) => file.endsWith('.partial'))).toEqual([]);
  });

  it('is given up on a full disk, which gets its space back', async () => {
    let left = 3;
    const full: CaptureFiles = {
      ...diskFiles,
      async create(path) {
        const file = await diskFiles.create(path);
        return {
          ...file,
          write: (bytes) =>
            (left -= 1) < 0
              ? Promise.reject(new Error('ENOSPC: no space left on device, write'))
              : file.write(bytes),
        };
      },
    };
    const { path, faults } = await write('full.mcap', events(), { files: full });
    expect(faults.map(({ code }) => code)).toEqual(['capture-unwritable']);
    expect(faults[0].message).toContain('ENOSPC');
    expect(faults[0].remedy).toContain('without being recorded');
    expect((await readdir(folder)).filter((file) => file.startsWith('full'))).toEqual([]);
    expect(existsSync(path)).toBe(false);
    const nowhere = await write(join('no', 'folder', 'x.mcap'), events());
    expect(nowhere.faults.map(({ code }) => code)).toEqual(['capture-unwritable']);
  });

  it('keeps a bounded queue before a disk that stands still', async () => {
    let release = (): void => undefined;
    const stuck: CaptureFiles = {
      ...diskFiles,
      async create(path) {
        await new Promise<void>((resolve) => (release = resolve));
        return diskFiles.create(path);
      },
    };
    const faults: TransportError[] = [];
    const options = { facts: FACTS, files: stuck, onFault: (error: TransportError) => faults.push(error) };
    const writer = new CaptureWriter({ path: join(folder, 'slow.mcap'), ...options });
    const piece = new Uint8Array(1024 * 1024);
    const pieces = QUEUE_LIMIT_BYTES / piece.length + 1;
    for (let i = 0; i < pieces; i += 1)
      writer.take({ kind: 'bytes', at_ms: i, direction: 'device_to_host', bytes: piece });
    expect(faults.map(({ code }) => code)).toEqual(['capture-unwritable']);
    expect(faults[0].message).toContain('slower than the line');
    release();
    await writer.end();
    expect(existsSync(writer.path)).toBe(false);
  });
});

describe('a file that is no capture', () => {
  const put = async (name: string, bytes: Uint8Array | string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return path;
  };

  it('says that it is missing, a folder, empty, or something else', async () => {
    expect(await failure(join(folder, 'missing'))).toMatchObject({ code: 'capture-unreadable' });
    expect(await failure(folder)).toMatchObject({ code: 'capture-unreadable' });
    const empty = await failure(await put('empty', ''));
    expect(empty).toMatchObject({ code: 'capture-damaged', retryable: false });
    expect(empty.message).toContain('it is empty');
    expect(await failure(await put('text', 'just some text, longer than a magic'))).toMatchObject({
      code: 'capture-foreign',
      message: expect.stringContaining('no MCAP file') as string,
    });
  });

  it('says that it was cut, wherever', async () => {
    const { path } = await write('to-cut.mcap', events());
    const whole = await readFile(path);
    const cuts = [1, 3, 7, 8, 20, 200, whole.length >> 1, whole.length - 20, whole.length - 1];
    for (const length of cuts) {
      const error = await failure(await put('cut.mcap', whole.subarray(0, length)));
      expect(`${length}: ${error.code}`).toBe(`${length}: capture-damaged`);
      expect(error.remedy.length).toBeGreaterThan(20);
    }
  });

  it('says that it was changed, or is unharmed where nothing of ours is', async () => {
    const { path } = await write('to-flip.mcap', events(12));
    const whole = await readFile(path);
    const good = await readCapture(path);
    let damaged = 0;
    for (let at = 0; at < whole.length; at += 13) {
      const flipped = Uint8Array.from(whole);
      flipped[at] ^= 0x10;
      const outcome = await readCapture(await put('flip.mcap', flipped)).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        damaged += 1;
        expect(outcome.name).toBe('TransportError');
      } else expect((outcome as typeof good).events).toEqual(good.events);
    }
    expect(damaged).toBeGreaterThan(40);
  });

  it('says that another program or a newer one wrote it', async () => {
    const pieces: Uint8Array[] = [];
    const other = async (metadata?: Record<string, string>): Promise<string> => {
      pieces.length = 0;
      const writer = new McapWriter({
        writable: {
          position: () => BigInt(pieces.reduce((sum, piece) => sum + piece.length, 0)),
          write: (piece) => Promise.resolve(pieces.push(Uint8Array.from(piece))),
        },
      });
      await writer.start();
      if (metadata !== undefined)
        await writer.addMetadata({ name: CAPTURE_METADATA, metadata: new Map(Object.entries(metadata)) });
      const channel = { topic: 'camera', schemaId: 0, messageEncoding: 'json', metadata: new Map() };
      const channelId = await writer.registerChannel(channel);
      const data = new TextEncoder().encode('{}');
      await writer.addMessage({ channelId, sequence: 1, logTime: 5n, publishTime: 5n, data });
      await writer.end();
      return put('other.mcap', Buffer.concat(pieces));
    };
    expect(await failure(await other())).toMatchObject({ code: 'capture-foreign' });
    const facts = { label: '', opened_wall_ms: '1', dropped_bytes: '0' };
    const newer = await failure(await other({ format: '2', ...facts }));
    expect(newer).toMatchObject({ code: 'capture-version' });
    expect(newer.message).toContain('its format is 2');
    expect(await failure(await other({ format: '1' }))).toMatchObject({ code: 'capture-damaged' });
    expect((await readCapture(await other({ format: '1', ...facts }))).events).toEqual([]);
    const future = Buffer.concat(pieces);
    future[5] = '1'.charCodeAt(0);
    expect(await failure(await put('future.mcap', future))).toMatchObject({ code: 'capture-version' });
  });
});
