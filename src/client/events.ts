// Events as they happen, by GET /v1/events: an endless iterator that comes back after a broken line and goes on where it was.
// Server-sent events over fetch, so that the key goes in a header, in Node as in pages.
import { ClientError } from './errors.ts';
import type { Calibration, Device, Job } from './types.ts';
import type { Progress } from './waiting.ts';

interface Event<Topic extends string, Data> {
  type: 'event';
  topic: Topic;
  seq: number;
  time: string;
  device: string;
  backend: string | null;
  data: Data;
}
interface Snapshot<Topic extends string, State> {
  type: 'snapshot';
  topic: Topic;
  seq: number;
  state: State[];
}
interface ProgressOf {
  id: string;
  progress: Progress | null;
}

/** What the service says; docs/api.md, Events. Telemetry and link.stats come only when they are asked for. */
export type LiveMessage =
  | { type: 'hello'; epoch: string; devices: { id: string; backend: string | null; uid: string | null }[] }
  | { type: 'resumed'; continues: boolean; reason: string | null }
  | { type: 'lagged'; dropped: number }
  | { type: 'error'; code: string; detail: string; remedy: string }
  | Snapshot<'job.*', Job>
  | Snapshot<'calibration.*', Calibration>
  | Snapshot<'device.state', Device>
  | Snapshot<'telemetry' | 'link.stats', unknown>
  | Event<'job.state', Job>
  | Event<'job.progress' | 'calibration.progress', ProgressOf>
  | Event<'calibration.state', Calibration>
  | Event<'device.state', Device>
  | Event<'telemetry' | 'link.stats', unknown>;

export interface EventOptions {
  /** Default: job.*, calibration.*, device.state, as far as the key may see them. */
  topics?: string[];
  device?: string;
  job?: string;
  /** Progress and telemetry of one thing at most once in so long. */
  minInterval_ms?: number;
  /** Ends the iteration, without an error. */
  signal?: AbortSignal;
}

/** The service says something every 15 s; a line that is silent for longer is dead. */
const SILENCE_MS = 45_000;
const PAUSE_S = 0.5;
const PAUSE_MAX_S = 10;

/**
 * @param open opens the stream, after an id
 * @throws {ClientError} what the service refuses for good; a line that breaks is opened again
 */
export async function* liveMessages(
  open: (query: string, lastId: string | null, signal: AbortSignal) => Promise<Response>,
  pause: (seconds: number, signal?: AbortSignal) => Promise<void>,
  options: EventOptions = {},
): AsyncGenerator<LiveMessage> {
  const { signal } = options;
  const query = queryOf(options);
  let lastId: string | null = null;
  let failures = 0;
  while (!signal?.aborted) {
    const silent = new AbortController();
    const stop = signal === undefined ? silent.signal : AbortSignal.any([signal, silent.signal]);
    let timer = setTimeout(() => silent.abort(), SILENCE_MS);
    try {
      const { body } = await open(query, lastId, stop);
      if (body === null) throw new Error('no stream');
      for await (const block of blocksOf(body)) {
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), SILENCE_MS);
        failures = 0;
        const { id, data } = fieldsOf(block);
        if (data !== '') yield JSON.parse(data) as LiveMessage;
        // Only when it was taken: a consumer that throws gets it again.
        lastId = id ?? lastId;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof ClientError && !error.retryable) throw error;
    } finally {
      clearTimeout(timer);
      silent.abort();
    }
    failures += 1;
    await pause(Math.min(PAUSE_S * 2 ** (failures - 1), PAUSE_MAX_S), signal).catch(() => undefined);
  }
}

function queryOf({ topics, device, job, minInterval_ms }: EventOptions): string {
  const query = new URLSearchParams();
  if (topics !== undefined) query.set('topics', topics.join(','));
  if (device !== undefined) query.set('device', device);
  if (job !== undefined) query.set('job', job);
  if (minInterval_ms !== undefined) query.set('minInterval_ms', String(minInterval_ms));
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** Blocks of lines between empty lines. */
async function* blocksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.replaceAll('\r\n', '\n').split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) yield block.split('\n');
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function fieldsOf(lines: readonly string[]): { id: string | null; data: string } {
  const values = (name: string): string[] =>
    lines
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /, ''));
  return { id: values('id').at(-1) ?? null, data: values('data').join('\n') };
}
