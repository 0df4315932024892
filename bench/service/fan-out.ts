// Events to many WebSocket clients while jobs go on, one of the clients reading nothing: how late the others hear, and what
// becomes of the slow one.
import { Http } from './http.ts';
import { SlowSocket } from './slow-socket.ts';
import type { Stand } from './stand.ts';
import { tinyJob } from './tiny-jobs.ts';

export interface FanOut {
  clients: number;
  /** Per event and client: from the time in the event to its arrival. */
  lag_ms: number[];
  /** Events that a client should have heard and did not. */
  missed: number;
  /** Close code that the slow one found when it read again; null: it was not closed. */
  slowClosedWith: number | null;
  slowAfter_s: number;
}

const TIME = /"time":"([^"]+)"/;
const SLOW_LIMIT_S = 60;

export async function fanOut(
  stand: Stand,
  model: string,
  options: { clients: number; seconds: number; jobsPerSecond: number },
): Promise<FanOut> {
  const { clients, seconds, jobsPerSecond } = options;
  const result: FanOut = { clients: 0, lag_ms: [], missed: 0, slowClosedWith: null, slowAfter_s: 0 };
  const heard: number[] = [];
  const sockets = await Promise.all(
    Array.from({ length: clients - 1 }, (_, k) =>
      listen(stand, (text) => {
        if (!text.includes('"job.state"') || !text.startsWith('{"type":"event"')) return;
        heard[k] = (heard[k] ?? 0) + 1;
        const at = TIME.exec(text)?.[1];
        if (at !== undefined) result.lag_ms.push(performance.timeOrigin + performance.now() - Date.parse(at));
      }),
    ),
  );
  const slow = await SlowSocket.connect(stand.url, stand.key);
  result.clients = sockets.length + 1;
  const http = new Http(stand.url, stand.key, 64);
  const start_ms = performance.now();
  let closed = false;
  let sent = 0;
  const pending: Promise<unknown>[] = [];
  for (;;) {
    const passed_s = (performance.now() - start_ms) / 1000;
    if ((closed && passed_s > seconds) || passed_s > SLOW_LIMIT_S) break;
    for (; sent < passed_s * jobsPerSecond; sent += 1)
      pending.push(http.send('POST', '/v1/jobs', tinyJob(model, sent), { prefer: 'wait=60' }));
    // It also asks, and does not read the answers, so that what is buffered for it grows at a known pace.
    if (!closed) slow.ask(10);
    closed ||= (await slowClients(stand)) > 0;
    if (closed && result.slowAfter_s === 0) {
      result.slowAfter_s = passed_s;
      result.slowClosedWith = await slow.readToEnd();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await Promise.all(pending);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const most = Math.max(0, ...heard);
  for (let k = 0; k < sockets.length; k += 1) result.missed += most - (heard[k] ?? 0);
  for (const socket of sockets) socket.close();
  slow.destroy();
  http.close();
  return result;
}

async function slowClients({ metricsUrl }: Stand): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  return Number(/^thermoloop_ws_slow_clients_total (\d+)/m.exec(text)?.[1] ?? 0);
}

/** A client that reads; resolves when it has its snapshot. */
function listen({ url, key }: Stand, onText: (text: string) => void): Promise<WebSocket> {
  // Node's WebSocket takes headers, which a browser's does not.
  const options = { headers: { authorization: `Bearer ${key}` } } as unknown as string[];
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/ws`, options);
  return new Promise((resolve, reject) => {
    socket.addEventListener('error', () => reject(new Error('a WebSocket was refused')));
    socket.addEventListener('open', () =>
      socket.send(JSON.stringify({ type: 'subscribe', topics: ['job.*'] })),
    );
    socket.addEventListener('message', ({ data }) => {
      const text = String(data);
      if (text.startsWith('{"type":"snapshot"')) resolve(socket);
      onText(text);
    });
  });
}
