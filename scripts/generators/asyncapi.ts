// Generates docs/asyncapi.json from the schemas of the live messages.
import { asyncApiDocument } from '../../src/service/live/asyncapi.ts';

export async function outputs(): Promise<Map<string, string>> {
  return new Map([['docs/asyncapi.json', `${JSON.stringify(asyncApiDocument(), null, 2)}\n`]]);
}
