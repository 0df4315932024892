// Reads a large body into one buffer as it arrives. Collecting pieces and joining them at the end, as the framework does,
// copies 34 MB at once and holds up everybody else meanwhile; here every piece goes to its place when it comes. Only a body
// that does not say its length is collected.
import { errorCodes, type FastifyRequest } from 'fastify';

type Done = (error: Error | null, body?: Buffer) => void;

/** A parser of Fastify's that yields the bytes, `limit` at most. Errors are those of Fastify's own parser. */
export function readBody(
  limit: number,
): (request: FastifyRequest, payload: NodeJS.ReadableStream, done: Done) => void {
  return (request, payload, done) => {
    const header = request.headers['content-length'];
    // Node lets nothing but digits through.
    const declared = header === undefined ? null : Number(header);
    if (declared !== null && declared > limit) return done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    const body = declared === null ? null : new Uint8Array(declared);
    const collected: Buffer[] = [];
    let length = 0;
    const onData = (chunk: Buffer): void => {
      if (length + chunk.length > (declared ?? limit))
        return end(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
      if (body === null) collected.push(chunk);
      else body.set(chunk, length);
      length += chunk.length;
    };
    const onEnd = (): void => {
      if (declared !== null && declared !== length)
        return end(new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH());
      end(null);
    };
    // A client that goes away in the middle.
    const onClose = (): void => end(new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH());
    const end = (error: Error | null): void => {
      payload.off('data', onData).off('end', onEnd).off('error', end).off('close', onClose);
      if (error === null) done(null, body === null ? Buffer.concat(collected) : Buffer.from(body.buffer));
      else done(error);
    };
    payload.on('data', onData).on('end', onEnd).on('error', end).on('close', onClose);
    payload.resume();
  };
}
