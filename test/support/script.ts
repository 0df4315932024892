// What a test tells a scripted device to do and to do wrong.
import type { Clock } from '../../src/clock/clock.ts';
import type { Code, DeviceHello, Envelope, EventBodies } from '../../src/link/messages/index.ts';
import type { Port } from '../../src/transports/port.ts';

/** What an Envelope carries. */
export type Body = NonNullable<Envelope['body']>;
export type Reply = { body?: Body; code?: Code; detail?: number; message?: string };
export type EventBody = { [K in keyof EventBodies]: { type: K; value: EventBodies[K] } }[keyof EventBodies];

/** How a scripted device is built, and how it misbehaves. */
export interface Script {
  clock: Clock;
  port: Port;
  seed?: number;
  chunkBytes?: number;
  windowBytes?: number;
  ringBytes?: number;
  /** Bytes of one record. */
  recordBytes?: number;
  /** Changes the answer to HELLO. */
  hello?(hello: DeviceHello): DeviceHello;
  /** Called for each request before it is looked at; true: swallow it. */
  swallow?(request: Envelope): boolean;
  /** True: the reply to this request is lost. */
  loseReply?(request: Envelope): boolean;
  /** True: this event is lost. */
  loseEvent?(body: EventBody): boolean;
  /** How often FinishLoad finds page 0 damaged, and how often it is still verifying. */
  badPages?: number;
  verifying?: number;
  /** Milliseconds between SAMPLES frames. */
  frameEvery_ms?: number;
  /** Set: the run ends FAILED after this many bytes. */
  failAt?: number;
  /** Spoils the digest that the device announces. */
  wrongDigest?: boolean;
}
