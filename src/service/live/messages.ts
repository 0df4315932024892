// What a client may say on /v1/ws, and the topics that /v1/ws and /v1/events have (service-api, section 6).
import { z } from 'zod';
import { ProblemError } from '../problems/problem.ts';

/** The one version so far. */
export const PROTOCOL_VERSION = 1;
/** What can be subscribed to. */
export const topics = [
  'job.*',
  'calibration.*',
  'drift',
  'device.state',
  'link.stats',
  'telemetry',
  'job.samples',
] as const;
export type Topic = (typeof topics)[number];
/** Topics of events that stand in the stream with a number; samples are frames of their own. */
export const eventTopics = [
  'job.state',
  'job.progress',
  'job.addendum',
  'calibration.state',
  'calibration.progress',
  'drift.round',
  'drift.event',
  'device.state',
  'link.stats',
  'telemetry',
] as const;
export type EventTopic = (typeof eventTopics)[number];

/** Close codes of ours; 4008 is the slow reader's. */
export const CloseCode = {
  goingAway: 1001,
  protocol: 4000,
  unauthenticated: 4001,
  slow: 4008,
  tooMany: 4029,
} as const;

export const INTERVAL_MAX_MS = 60_000;
const TOPICS_MAX = 20;
const topicList = z.array(z.enum(topics)).min(1).max(TOPICS_MAX);
const filters = {
  device: z.string().min(1).max(100).optional().meta({ description: 'Only of this device' }),
  job: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'Of job.* and job.samples: only of this job' }),
  minInterval_ms: z.int().min(0).max(INTERVAL_MAX_MS).optional().meta({
    description:
      'Progress, telemetry, link.stats and sample frames of one device or job come at most once in so long; the latest wins',
  }),
};
const subscription = z.strictObject({ topics: topicList, ...filters });
export type SubscriptionRequest = z.infer<typeof subscription>;

export const helloFromClient = z
  .strictObject({ type: z.literal('hello'), protocol: z.int() })
  .meta({ description: 'Optional: demands a version of the protocol' });
export const subscribe = z
  .strictObject({ type: z.literal('subscribe'), topics: topicList, ...filters })
  .meta({
    description: 'One snapshot of each topic follows, then its events. A topic again replaces its filters.',
  });
export const unsubscribe = z.strictObject({ type: z.literal('unsubscribe'), topics: topicList });
export const resume = z
  .strictObject({
    type: z.literal('resume'),
    epoch: z.string().max(100),
    seq: z.int().min(0).meta({ description: 'The greatest seq that was seen, in a snapshot or an event' }),
    subscriptions: z.array(subscription).min(1).max(TOPICS_MAX),
  })
  .meta({
    description:
      'Instead of subscribe after a reconnect: what has happened since comes without gap or repetition, or, when it is no ' +
      'longer kept or the epoch is another one, a snapshot of each topic.',
  });
export const ping = z.strictObject({
  type: z.literal('ping'),
  nonce: z.union([z.string().max(64), z.number()]).optional(),
});

export const clientMessage = z.discriminatedUnion('type', [
  helloFromClient,
  subscribe,
  unsubscribe,
  resume,
  ping,
]);
export type ClientMessage = z.infer<typeof clientMessage>;

/** The message in a text. @throws {ProblemError} malformed-json or validation-failed */
export function parseClientMessage(text: string): ClientMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ProblemError('malformed-json', 'The message is not JSON.', { cause });
  }
  const result = clientMessage.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.slice(0, 10).map(({ path, message }) => ({
    pointer: path.map((step) => `/${String(step)}`).join(''),
    detail: message,
  }));
  const [first] = errors;
  throw new ProblemError('validation-failed', `${first.pointer || 'the message'}: ${first.detail}`, {
    errors,
  });
}
