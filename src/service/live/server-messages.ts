// What the service says on /v1/ws and /v1/events, as schemas: the AsyncAPI document is made from them, and the tests hold
// every message that was really sent against it.
import { z } from 'zod';
import { driftSides } from '../../certificate/index.ts';
import { calibration } from '../schemas/calibrations.ts';
import { progress, time } from '../schemas/common.ts';
import { device } from '../schemas/devices.ts';
import { driftEvent, driftNow } from '../schemas/drift.ts';
import { job } from '../schemas/jobs.ts';
import { latestTelemetry } from '../schemas/telemetry.ts';
import { linkStats } from './link-stats.ts';
import { topics } from './messages.ts';

const backend = z.enum(['chip', 'twin', 'replay']).nullable().meta({ description: 'What answers there' });
const seq = z.int().min(0).meta({ description: 'Rises by one with every event of the epoch, seen or not' });
const topic = z.enum(topics);

export const hello = z
  .object({
    type: z.literal('hello'),
    protocol: z.object({ min: z.int(), max: z.int() }),
    server: z.object({ name: z.string(), version: z.string() }),
    epoch: z
      .string()
      .meta({ description: 'Of this run of the service; with another one nothing can be resumed' }),
    seq,
    resumeWindow_s: z
      .number()
      .meta({ description: 'So long events are kept for resume, or less when they are many' }),
    topics: z.array(topic),
    devices: z.array(z.object({ id: z.string(), backend, uid: z.string().nullable() })),
  })
  .meta({ description: 'The first message of every connection' });

/** One attempt at a job whose samples can be watched. */
const sampleStream = z.object({
  stream: z.int().min(1).max(65_535).meta({ description: 'The u16 that its binary frames begin with' }),
  job: z.string(),
  attempt: z.int(),
  device: z.string(),
  backend,
  shape: z.array(z.int()).length(3).meta({ description: 'Samples ordered, reads, units' }),
  dtype: z.literal('int16').meta({ description: 'Readout codes, little-endian' }),
  stateScale: z.number().meta({ description: 'x per code' }),
  provisional: z.literal(true).meta({ description: 'Until stream.end says verified' }),
});
export type SampleStreamView = z.infer<typeof sampleStream>;

export const stream = sampleStream.extend({ type: z.literal('stream') }).meta({
  description:
    'Binds a number to the samples of one attempt, before its first binary frame to this client. A frame: u16 stream, ' +
    'u16 zero, u32 number of its first sample, then int16 codes [samples][reads][units], all little-endian.',
});
export const streamEnd = z.object({
  type: z.literal('stream.end'),
  stream: z.int(),
  job: z.string(),
  attempt: z.int(),
  outcome: z.enum(['verified', 'withdrawn']).meta({
    description:
      'verified: the digest matched and the job has its samples; withdrawn: the attempt ended otherwise, forget them',
  }),
  digest: z
    .string()
    .nullable()
    .meta({ description: 'SHA-256 of all codes of the job, when verified; GET /v1/jobs/{id}/samples' }),
});

const state = {
  type: z.literal('snapshot'),
  seq,
};
export const snapshot = z
  .discriminatedUnion('topic', [
    z.object({ ...state, topic: z.literal('job.*'), state: z.array(job) }),
    z.object({ ...state, topic: z.literal('calibration.*'), state: z.array(calibration) }),
    z.object({
      ...state,
      topic: z.literal('drift'),
      state: z.array(z.object({ device: z.string(), drift: driftNow })),
    }),
    z.object({ ...state, topic: z.literal('device.state'), state: z.array(device) }),
    z.object({ ...state, topic: z.literal('link.stats'), state: z.array(linkStats) }),
    z.object({
      ...state,
      topic: z.literal('telemetry'),
      state: z.array(z.object({ device: z.string(), telemetry: latestTelemetry })),
    }),
    z.object({ ...state, topic: z.literal('job.samples'), state: z.array(sampleStream) }),
  ])
  .meta({
    description:
      'What is there now: of jobs and calibrations those that have not ended. Events after `seq` follow; one of them may ' +
      'tell what the snapshot already holds, then its revision is no greater.',
  });

const event = {
  type: z.literal('event'),
  seq,
  time,
  device: z.string(),
  backend,
};
const progressData = z.object({ id: z.string(), progress });
export const eventMessage = z.discriminatedUnion('topic', [
  z.object({ ...event, topic: z.literal('job.state'), data: job }),
  z.object({ ...event, topic: z.literal('job.progress'), data: progressData }),
  z.object({
    ...event,
    topic: z.literal('job.addendum'),
    data: z
      .object({ id: z.string(), drift: driftEvent, side: z.enum(driftSides) })
      .meta({ description: 'On which side of a change of the chip the samples of a job lie, known later' }),
  }),
  z.object({ ...event, topic: z.literal('calibration.state'), data: calibration }),
  z.object({ ...event, topic: z.literal('calibration.progress'), data: progressData }),
  z.object({ ...event, topic: z.literal('drift.round'), data: driftNow }),
  z.object({ ...event, topic: z.literal('drift.event'), data: driftEvent }),
  z.object({ ...event, topic: z.literal('device.state'), data: device }),
  z.object({ ...event, topic: z.literal('link.stats'), data: linkStats }),
  z.object({ ...event, topic: z.literal('telemetry'), data: latestTelemetry }),
]);

export const resumed = z
  .object({
    type: z.literal('resumed'),
    continues: z.boolean().meta({ description: 'False: snapshots follow instead' }),
    reason: z.enum(['window-gone', 'other-epoch']).nullable(),
    epoch: z.string(),
    seq,
  })
  .meta({ description: 'The answer to resume' });
export const lagged = z
  .object({
    type: z.literal('lagged'),
    dropped: z.int().meta({ description: 'Since the last such message' }),
  })
  .meta({
    description:
      'The client read too slowly; progress, telemetry and sample frames were left out, events of state never are',
  });
export const pong = z.object({
  type: z.literal('pong'),
  nonce: z.union([z.string(), z.number()]).optional(),
  time,
});
export const error = z
  .object({
    type: z.literal('error'),
    code: z.string().meta({ description: 'As in docs/problems.md' }),
    detail: z.string(),
    remedy: z.string(),
    topic: topic.optional(),
    correlationId: z.string().optional(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({
    description: 'The last message was not understood or not allowed; the connection stays',
  });
export const goodbye = z
  .object({ type: z.literal('goodbye'), reason: z.string(), retryAfter_s: z.number() })
  .meta({ description: 'The service stops; come back after so long, and resume' });

/** Every text message of the service, by its name in the AsyncAPI document. */
export const serverMessages = {
  hello,
  snapshot,
  event: eventMessage,
  resumed,
  stream,
  streamEnd,
  lagged,
  pong,
  error,
  goodbye,
};
type Of<S extends z.ZodType> = z.infer<S>;
export type ServerMessage =
  | Of<typeof hello>
  | Of<typeof snapshot>
  | Of<typeof resumed>
  | Of<typeof stream>
  | Of<typeof streamEnd>
  | Of<typeof lagged>
  | Of<typeof pong>
  | Of<typeof error>
  | Of<typeof goodbye>;
export type SnapshotMessage = Of<typeof snapshot>;
export type EventMessage = Of<typeof eventMessage>;
