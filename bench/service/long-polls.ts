// Many clients that wait for one job at the same time: when it changes, each of them must hear of it.
import { Http } from './http.ts';
import { tinyJob } from './tiny-jobs.ts';
import type { Stand } from './stand.ts';

export interface Polls {
  /** Answered with 200 and the ended job. */
  answered: number;
  /** From the answer to the cancellation to the last answer of a poll. */
  last_ms: number;
  /** A request of somebody else while all of them wait. */
  other_ms: number;
}

const LONG_SAMPLES = 900_000;
/** So that the last request has arrived before the job changes. */
const SETTLE_MS = 1000;

export async function longPolls(stand: Stand, model: string, count: number): Promise<Polls> {
  const { id } = await stand.client.submitJob({
    ...tinyJob(model, 0),
    relax: { duration_s: 1e-5 },
    samples: { count: LONG_SAMPLES },
  });
  const http = new Http(stand.url, stand.key, count + 2);
  // The first answer names the version, so that the wait is for the next one only.
  while ((await stand.client.job(id)).state !== 'running') await pause(20);
  const polls = Array.from({ length: count }, async () => {
    for (;;) {
      const { status, body } = await http.send('GET', `/v1/jobs/${id}`, undefined, { prefer: 'wait=60' });
      if (status !== 200) return { state: String(status), at_ms: performance.now() };
      const { state } = JSON.parse(body.toString()) as { state: string };
      if (state === 'cancelled') return { state, at_ms: performance.now() };
    }
  });
  await pause(SETTLE_MS);
  const asked_ms = performance.now();
  await http.send('GET', '/v1/about');
  const other_ms = performance.now() - asked_ms;
  await http.send('POST', `/v1/jobs/${id}/cancel`);
  const cancelled_ms = performance.now();
  const ends = await Promise.all(polls);
  http.close();
  return {
    answered: ends.filter(({ state }) => state === 'cancelled').length,
    last_ms: Math.max(...ends.map(({ at_ms }) => at_ms)) - cancelled_ms,
    other_ms,
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
