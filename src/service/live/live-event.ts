// One event as every listener gets it: written out once, however many there are.
import type { EventTopic, Topic } from './messages.ts';
import type { EventMessage } from './server-messages.ts';

export interface EventFacts {
  /** What one subscribes to for it. */
  subscription: Topic;
  device: string;
  /** The job it is about, for filters. */
  job: string | null;
  /** Key of that job. */
  owner: string | null;
  /** The next one of its kind tells the same: a slow reader may miss it. */
  droppable: boolean;
  /** Of job.state and calibration.state: nothing follows. */
  final: boolean;
}

export class LiveEvent implements EventFacts {
  readonly seq: number;
  readonly topic: EventTopic;
  readonly at_ms: number;
  readonly subscription: Topic;
  readonly device: string;
  readonly job: string | null;
  readonly owner: string | null;
  readonly droppable: boolean;
  readonly final: boolean;
  /** The message in JSON, UTF-8: what a WebSocket sends. */
  readonly frame: Buffer;
  readonly #epoch: string;
  #sse: Buffer | null = null;

  constructor(message: EventMessage, at_ms: number, epoch: string, facts: EventFacts) {
    this.seq = message.seq;
    this.topic = message.topic;
    this.at_ms = at_ms;
    this.subscription = facts.subscription;
    this.device = facts.device;
    this.job = facts.job;
    this.owner = facts.owner;
    this.droppable = facts.droppable;
    this.final = facts.final;
    this.frame = Buffer.from(JSON.stringify(message));
    this.#epoch = epoch;
  }

  get bytes(): number {
    return this.frame.length;
  }

  /** The same as an event of text/event-stream. */
  get sse(): Buffer {
    return (this.#sse ??= Buffer.concat([
      Buffer.from(`id: ${this.#epoch}:${this.seq}\nevent: ${this.topic}\ndata: `),
      this.frame,
      Buffer.from('\n\n'),
    ]));
  }

  /** What it replaces when it is coalesced: the value before it of the same thing. */
  get kind(): string {
    return `${this.topic} ${this.device} ${this.job ?? ''}`;
  }
}
