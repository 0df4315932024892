import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { asyncApi } from '../../../test/support/async-api.ts';
import { messageName } from '../../../test/support/async-api.ts';
import { startTestService, type TestService } from '../../../test/support/test-service.ts';

let service: TestService;
let served: typeof asyncApi & { asyncapi: string };
beforeAll(async () => {
  service = await startTestService();
  served = (await service.call('GET', '/asyncapi.json')).json();
});
afterAll(() => service.close());

describe('the AsyncAPI document', () => {
  it('is the committed one, and needs no key', () => {
    expect(served.asyncapi).toBe('3.0.0');
    expect(served).toEqual(JSON.parse(readFileSync('docs/asyncapi.json', 'utf8')));
  });

  it('resolves all its references, and names every message of a channel in an operation', () => {
    const references = [...JSON.stringify(served).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1]);
    expect(references.length).toBeGreaterThan(40);
    for (const reference of new Set(references)) expect(served).toHaveProperty(reference.split('/'));
    const used = Object.values(served.operations).flatMap(({ messages }) => messages.map(({ $ref }) => $ref));
    for (const [channel, { messages }] of Object.entries(served.channels))
      for (const name of Object.keys(messages))
        expect(used).toContain(`#/channels/${channel}/messages/${name}`);
  });

  it('tells a message from another, and refuses what is none', () => {
    expect(messageName('hear', { type: 'ping', nonce: 1 })).toBe('ping');
    expect(messageName('tell', { type: 'lagged', dropped: 2 })).toBe('lagged');
    for (const wrong of [
      { type: 'ping', nonce: {} },
      { type: 'ping', more: 1 },
      { type: 'lagged', dropped: 1 },
    ])
      expect(() => messageName('hear', wrong)).toThrow(/0 messages of hear/);
  });
});
