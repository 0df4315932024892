// The messages of /v1/ws (service-api, section 6): what a client may send, and which topics there are.
import { z } from 'zod';

/** The one version so far. */
export const PROTOCOL_VERSION = 1;
export const topics = ['job.*', 'device.state', 'calibration.*'] as const;
export type Topic = (typeof topics)[number];

const topicList = z.array(z.enum(topics)).min(1);
export const clientMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), protocol: z.int() }),
  z.strictObject({ type: z.literal('subscribe'), topics: topicList, device: z.string().max(100).optional() }),
  z.strictObject({ type: z.literal('unsubscribe'), topics: topicList }),
  z.strictObject({ type: z.literal('ping'), nonce: z.union([z.string().max(64), z.number()]).optional() }),
]);
export type ClientMessage = z.infer<typeof clientMessage>;

/** Close codes of ours; 4008 is the slow reader's. */
export const CloseCode = { protocol: 4000, unauthenticated: 4001, slow: 4008, goingAway: 1001 } as const;
