// The public face of the message layer: types, codec functions, limits and the schema hash.
export { MESSAGE_MAX_BYTES } from './bounds.ts';
export { BULK_HEADER_BYTES, decodeBulk, encodeBulk } from './bulk.ts';
export type { Bulk } from './bulk.ts';
export * from './codec.ts';
export { MessageError } from './errors.ts';
export type { Decoded, DecodeReason, MessageErrorCode } from './errors.ts';
// The types, generated from the schema: camelCase, bigint for 64 bits, unions for oneofs, enums as constant objects.
export * from './generated/schema.ts';
