// The event iterator against scripted streams: pieces, breaks, resuming, refusals, the end.
import { describe, expect, it } from 'vitest';
import { ClientError, ThermoloopClient, type EventOptions, type LiveMessage } from './index.ts';

const encoder = new TextEncoder();
const stream =
  (...pieces: string[]) =>
  () =>
    new Response(
      new ReadableStream<Uint8Array>({
        start(controller) {
          for (const piece of pieces) controller.enqueue(encoder.encode(piece));
          controller.close();
        },
      }),
      { headers: { 'content-type': 'text/event-stream' } },
    );
const event = (seq: number, id = `e:${seq}`): string =>
  `event: job.state\nid: ${id}\ndata: {"type":"event","topic":"job.state","seq":${seq},"data":{"id":"ü"}}\n\n`;

/** Takes so many messages; returns them and the ids that the streams were opened after. */
async function take(
  count: number,
  script: (() => Response | Error)[],
  options: EventOptions = {},
): Promise<{ seqs: unknown[]; after: (string | null)[]; paths: string[] }> {
  const after: (string | null)[] = [];
  const paths: string[] = [];
  const fetching = async (url: string, init: RequestInit): Promise<Response> => {
    after.push(new Headers(init.headers).get('last-event-id'));
    paths.push(new URL(url).pathname + new URL(url).search);
    const said = script[Math.min(after.length, script.length) - 1]();
    if (said instanceof Error) throw said;
    return said;
  };
  const client = new ThermoloopClient({
    baseUrl: 'http://service.test',
    retry: { attempts: 1 },
    fetch: fetching as typeof fetch,
  });
  const messages: LiveMessage[] = [];
  for await (const message of client.events(options)) {
    messages.push(message);
    if (messages.length === count) break;
  }
  return { seqs: messages.map((message) => ('seq' in message ? message.seq : message.type)), after, paths };
}

describe('events', () => {
  it('come whole whatever the pieces are, comments are none', async () => {
    const text = `: hello\n\n${event(1)}${event(2)}`;
    const bytes = [...text];
    expect((await take(2, [stream(...bytes)])).seqs).toEqual([1, 2]);
    expect((await take(2, [stream(text.replaceAll('\n', '\r\n'))])).seqs).toEqual([1, 2]);
  });

  it('go on after the last one when the line breaks, also in the middle of one', async () => {
    const broken = event(2).slice(0, 40);
    const { seqs, after } = await take(3, [
      stream(event(1), broken),
      () => new TypeError('refused'),
      stream(event(2), event(3)),
    ]);
    expect(seqs).toEqual([1, 2, 3]);
    expect(after).toEqual([null, 'e:1', 'e:1']);
  });

  it('are asked for with topics and filters', async () => {
    const options = { topics: ['job.*', 'telemetry'], device: 'chip-0', minInterval_ms: 500 };
    const { paths } = await take(1, [stream(event(1))], options);
    expect(paths).toEqual(['/v1/events?topics=job.*%2Ctelemetry&device=chip-0&minInterval_ms=500']);
  });

  it('throw what is refused for good', async () => {
    const refused = () => Response.json({ code: 'forbidden', title: 'No', remedy: 'Ask.' }, { status: 403 });
    const error = await take(1, [refused]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ code: 'forbidden', remedy: 'Ask.' });
  });

  it('end without an error when they are told to', async () => {
    const stop = new AbortController();
    const taken = take(5, [stream(event(1)), () => new TypeError('gone')], { signal: stop.signal });
    setTimeout(() => stop.abort(), 30);
    expect((await taken).seqs).toEqual([1]);
  });
});
