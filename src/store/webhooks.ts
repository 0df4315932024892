// Webhooks as rows and questions. Beside rows.ts and repositories.ts, by the same rules.
import type { Page } from './page.ts';

/** What a hook can ask for: the ends of jobs and calibrations. */
export const webhookTopics = [
  'job.succeeded',
  'job.failed',
  'job.cancelled',
  'job.expired',
  'calibration.succeeded',
  'calibration.failed',
] as const;
export type WebhookTopic = (typeof webhookTopics)[number];

export interface WebhookRow {
  id: string;
  keyId: string;
  url: string;
  topics: WebhookTopic[];
  /** Signs what is delivered, so it is kept as it is; never show or log it. */
  secret: string;
  createdAt_ms: number;
  /** No delivery has arrived since; null: the last one did, or there was none. */
  failingSince_ms: number | null;
  disabledAt_ms: number | null;
  disabledWhy: string | null;
}

export type DeliveryState = 'pending' | 'delivered' | 'given-up';

export interface DeliveryRow {
  id: string;
  webhookId: string;
  topic: WebhookTopic;
  /** Key of the job that it is about. */
  owner: string | null;
  body: string;
  state: DeliveryState;
  attempts: number;
  nextAt_ms: number;
  lastError: string | null;
  createdAt_ms: number;
  endedAt_ms: number | null;
}

export interface WebhookRepository {
  add(hook: Pick<WebhookRow, 'keyId' | 'url' | 'topics' | 'secret'>): Promise<WebhookRow>;
  find(id: string): Promise<WebhookRow | null>;
  list(filter?: Page & { keyId?: string }): Promise<WebhookRow[]>;
  /** With its deliveries; false when there was none. */
  remove(id: string): Promise<boolean>;
  /** Once: it gets nothing any more, and what waits for it is given up. */
  disable(id: string, why: string): Promise<void>;
  deliveries(webhookId: string, page?: Page): Promise<DeliveryRow[]>;
  /** Takes due deliveries for `term_ms`; each goes to one caller, whatever host it is on, and counts as an attempt. */
  claim(term_ms: number, limit: number): Promise<DeliveryRow[]>;
  /** What became of a claimed one; false when the claim was over and somebody else has it. */
  settle(
    claimed: Pick<DeliveryRow, 'id' | 'webhookId' | 'attempts'>,
    end: { state: DeliveryState; retryIn_ms?: number; error: string | null },
  ): Promise<boolean>;
  /** Wall milliseconds of the clock that deliveries go by. */
  now_ms(): Promise<number>;
  /** Removes deliveries that ended before; returns how many. */
  prune(endedBefore_ms: number): Promise<number>;
}
