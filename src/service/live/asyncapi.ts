// The AsyncAPI 3 document of what flows: /v1/ws, /v1/events and webhooks, made from the schemas that the code itself uses.
import { z } from 'zod';
import * as client from './messages.ts';
import { serverMessages } from './server-messages.ts';

type Json = Record<string, unknown>;

interface Message {
  /** Key in components, and of its schema. */
  name: string;
  summary: string;
  schema: z.ZodType | null;
  side: 'service' | 'client';
}

const described = (schema: z.ZodType): string => schema.meta()?.description ?? '';
const upperFirst = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

const fromService: Message[] = Object.entries(serverMessages).map(([name, schema]) => ({
  name,
  summary: described(schema),
  schema,
  side: 'service',
}));
const fromClient: Message[] = Object.entries({
  clientHello: client.helloFromClient,
  subscribe: client.subscribe,
  unsubscribe: client.unsubscribe,
  resume: client.resume,
  ping: client.ping,
}).map(([name, schema]) => ({ name, summary: described(schema), schema, side: 'client' }));
const sampleFrame: Message = {
  name: 'sampleFrame',
  summary:
    'A binary frame of the topic job.samples, little-endian: u16 stream (of the message `stream`), u16 zero, u32 number of its ' +
    'first sample in the job, then int16 readout codes, [samples][reads][units], to the end of the frame. Provisional until ' +
    '`stream.end` says verified; a slow client, or one with minInterval_ms, misses frames.',
  schema: null,
  side: 'service',
};

/** On the event stream: no samples, and no answers, as nothing is asked there. */
const onEventStream = ['hello', 'snapshot', 'event', 'resumed', 'lagged', 'error', 'goodbye'];

/** Pure; the document that is committed as docs/asyncapi.json and served at /asyncapi.json. */
export function asyncApiDocument(): Json {
  const all = [...fromService, sampleFrame, ...fromClient];
  const eventStream = fromService.filter(({ name }) => onEventStream.includes(name));
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'thermoloop events',
      version: '1.0.0',
      description:
        'What happens to jobs, calibrations and devices, as one numbered stream of events. REST is in openapi.json; how the stream ' +
        'is used stands in docs/api.md, Events.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      service: {
        host: '127.0.0.1:8080',
        protocol: 'http',
        description: 'thermoloop serve; the WebSocket is an upgrade of the same address',
        security: [
          { $ref: '#/components/securitySchemes/key' },
          { $ref: '#/components/securitySchemes/ticket' },
        ],
      },
    },
    channels: {
      ws: {
        address: '/v1/ws',
        title: 'Events over WebSocket',
        description:
          'The service says hello; the client subscribes, or resumes, and is sent snapshots and events. Close codes: 1001 the ' +
          'service stops, 4000 no common protocol, 4001 the key was revoked or has expired, 4008 the client reads too slowly, ' +
          '4029 too many messages at once, 1009 a message above 64 kB.',
        messages: references([...fromService, sampleFrame, ...fromClient], '#/components/messages'),
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
      },
      events: {
        address: '/v1/events',
        title: 'Events as text/event-stream',
        description:
          '`data` is the message, `event` the topic of an event or the type of another message, `id` EPOCH:SEQ. Parameters: see ' +
          'openapi.json.',
        messages: references(eventStream, '#/components/messages'),
        bindings: { http: { bindingVersion: '0.3.0' } },
      },
    },
    operations: {
      tell: operation('send', 'ws', [...fromService, sampleFrame]),
      hear: operation('receive', 'ws', fromClient),
      stream: operation('send', 'events', eventStream),
    },
    components: {
      messages: Object.fromEntries(all.map((message) => [message.name, messageObject(message)])),
      schemas: schemasOf(all),
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', bearerFormat: 'tlk_<id>_<secret>' },
        ticket: {
          type: 'httpApiKey',
          in: 'query',
          name: 'ticket',
          description: 'One use, from POST /v1/tickets: for browsers, which cannot send headers here',
        },
      },
    },
  };
}

function references(messages: Message[], where: string): Json {
  return Object.fromEntries(messages.map(({ name }) => [name, { $ref: `${where}/${name}` }]));
}

function operation(action: 'send' | 'receive', channel: string, messages: Message[]): Json {
  return {
    action,
    channel: { $ref: `#/channels/${channel}` },
    messages: Object.values(references(messages, `#/channels/${channel}/messages`)),
  };
}

function messageObject({ name, summary, schema }: Message): Json {
  const described = { name, title: upperFirst(name), ...(summary !== '' && { summary }) };
  if (schema !== null) return { ...described, payload: { $ref: `#/components/schemas/${upperFirst(name)}` } };
  return { ...described, contentType: 'application/octet-stream', payload: { type: 'string' } };
}

/** JSON Schema draft 7, the dialect of AsyncAPI; what several messages share stands once. */
function schemasOf(messages: Message[]): Json {
  const schemas: Json = {};
  for (const { name, schema, side } of messages) {
    if (schema === null) continue;
    const made = z.toJSONSchema(schema, { target: 'draft-7', io: side === 'service' ? 'output' : 'input' });
    const text = JSON.stringify(made).replaceAll('"#/definitions/', '"#/components/schemas/');
    const { $schema: _dialect, definitions = {}, ...own } = JSON.parse(text) as Json & { definitions?: Json };
    Object.assign(schemas, definitions, { [upperFirst(name)]: own });
  }
  return schemas;
}
