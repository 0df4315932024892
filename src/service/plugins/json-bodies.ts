// How JSON bodies are read: as UTF-8 without damage, not nested beyond reason (what is deep overflows the stack of whoever
// walks it later), and without text that a database cannot hold.
import type { FastifyInstance } from 'fastify';
import { flawOfJson, JSON_DEPTH_MAX } from '../json-flaws.ts';
import { ProblemError } from '../problems/problem.ts';

/** @throws {ProblemError} json-too-deep, malformed-json */
export function readJsonText(bytes: Uint8Array): string {
  switch (flawOfJson(bytes)) {
    case 'too-deep':
      throw new ProblemError('json-too-deep', `The body is nested deeper than ${JSON_DEPTH_MAX} levels.`);
    case 'nul':
      throw new ProblemError('malformed-json', 'A text in the body holds the character U+0000.');
    case 'lone-surrogate':
      throw new ProblemError('malformed-json', 'A text in the body holds half of a surrogate pair.');
    case null:
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ProblemError('malformed-json', 'The body is not UTF-8.', { cause });
  }
}

/** In place of Fastify's reader of application/json; names like __proto__ are refused as before. */
export function registerJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    let text: string;
    try {
      text = readJsonText(body as Buffer);
    } catch (error) {
      done(error as Error);
      return;
    }
    void parse(request, text, done);
  });
}
