/* See thermoloop_frame.h. */
#include "thermoloop_frame.h"

/* ---- CRC-32C, reflected polynomial 0x82F63B78, four bits at a time: 64 bytes of table ---- */

uint32_t tl_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
  static const uint32_t table[16] = {
      0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u, 0x417B1DBCu, 0x5125DAD3u, 0x61C69362u, 0x7198540Du,
      0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u, 0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u};
  crc = ~crc;
  for (size_t i = 0; i < count; i++) {
    crc ^= bytes[i];
    crc = (crc >> 4) ^ table[crc & 15u];
    crc = (crc >> 4) ^ table[crc & 15u];
  }
  return ~crc;
}

/* ---- The frame's fields ---- */

static bool is_kind(unsigned kind) { return kind >= TL_HELLO && kind <= TL_LOG; }

static bool is_for(unsigned kind, tl_role role) {
  if (kind == TL_HELLO || kind == TL_RPC) return true;
  return (kind == TL_CHUNK) == (role == TL_DEVICE);
}

/* Session 0 in HELLO and only there. */
static bool session_fits(unsigned kind, unsigned session) { return (kind == TL_HELLO) == (session == 0); }

static uint16_t read_u16(const uint8_t *at) { return (uint16_t)(at[0] | (unsigned)at[1] << 8); }

static uint32_t read_u32(const uint8_t *at) { return read_u16(at) | (uint32_t)read_u16(at + 2) << 16; }

static void write_u16(uint8_t *at, uint16_t value) {
  at[0] = (uint8_t)(value & 0xFFu);
  at[1] = (uint8_t)(value >> 8);
}

/* ---- Encoding: header, payload and CRC run through the stuffer, so no second buffer is needed ---- */

typedef struct {
  uint8_t *out;
  size_t code_at; /* where the length of the open block goes */
  size_t next;
  uint8_t code;
} stuffer;

static void open_block(stuffer *s) {
  s->code_at = s->next++;
  s->code = 1;
}

static void close_block(stuffer *s) { s->out[s->code_at] = s->code; }

static void stuff(stuffer *s, const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (s->code == 0xFFu) { /* a full block ends only when something follows: the canonical form has no 0x01 after the last */
      close_block(s);
      open_block(s);
    }
    if (bytes[i] == 0) {
      close_block(s);
      open_block(s);
    } else {
      s->out[s->next++] = bytes[i];
      s->code++;
    }
  }
}

size_t tl_encode(const tl_frame *frame, uint8_t *wire, size_t capacity) {
  uint8_t header[TL_HEADER_BYTES], trailer[TL_CRC_BYTES];
  stuffer s = {wire, 0, 0, 0};
  if (!is_kind(frame->kind) || frame->flags > 0x0Fu || !session_fits(frame->kind, frame->session)) return 0;
  if (capacity < TL_WIRE_BYTES(frame->length)) return 0;

  header[0] = (uint8_t)(TL_WIRE_VERSION << 4 | frame->kind);
  header[1] = frame->flags;
  write_u16(header + 2, frame->session);
  write_u16(header + 4, frame->seq);
  write_u16(header + 6, frame->length);
  const uint32_t crc = tl_crc32c(tl_crc32c(0, header, sizeof header), frame->payload, frame->length);
  write_u16(trailer, (uint16_t)(crc & 0xFFFFu));
  write_u16(trailer + 2, (uint16_t)(crc >> 16));

  open_block(&s);
  stuff(&s, header, sizeof header);
  stuff(&s, frame->payload, frame->length);
  stuff(&s, trailer, sizeof trailer);
  close_block(&s);
  wire[s.next++] = 0;
  return s.next;
}

/* ---- Decoding ---- */

/* Undoes COBS in place, which works because the result is never ahead of what is read. Returns false when a code points
 * past the end. */
static bool unstuff(uint8_t *bytes, size_t count, size_t *length) {
  size_t in = 0, out = 0;
  while (in < count) {
    const size_t code = bytes[in];
    const size_t stop = in + code;
    if (stop > count) return false;
    for (in++; in < stop; in++) bytes[out++] = bytes[in];
    if (code != 0xFFu && in < count) bytes[out++] = 0;
  }
  *length = out;
  return true;
}

static tl_result check(const tl_decoder *decoder, const uint8_t *raw, size_t length, tl_frame *frame) {
  if (length < TL_FRAME_BYTES(0)) return TL_CORRUPT_TOO_SHORT;
  if (length > TL_FRAME_BYTES(decoder->max_payload)) return TL_CORRUPT_TOO_LONG;
  if (TL_FRAME_BYTES(read_u16(raw + 6)) != length) return TL_CORRUPT_LENGTH;
  if (read_u32(raw + length - TL_CRC_BYTES) != tl_crc32c(0, raw, length - TL_CRC_BYTES)) return TL_CORRUPT_CRC;

  const unsigned kind = raw[0] & 15u;
  frame->kind = (uint8_t)kind;
  frame->flags = raw[1];
  frame->session = read_u16(raw + 2);
  frame->seq = read_u16(raw + 4);
  frame->length = read_u16(raw + 6);
  frame->payload = raw + TL_HEADER_BYTES;
  if (raw[0] >> 4 != TL_WIRE_VERSION) return TL_REJECT_VERSION;
  if ((frame->flags & 0xF0u) != 0) return TL_REJECT_FLAG;
  if (!is_kind(kind)) return TL_REJECT_KIND;
  if (!is_for(kind, decoder->role)) return TL_REJECT_DIRECTION;
  return session_fits(kind, frame->session) ? TL_FRAME : TL_REJECT_SESSION_ZERO;
}

static void finish(tl_decoder *decoder) {
  tl_frame frame = {0, 0, 0, 0, 0, NULL};
  size_t length = 0;
  tl_result result = TL_CORRUPT_COBS;
  if (unstuff(decoder->buffer, decoder->length, &length)) result = check(decoder, decoder->buffer, length, &frame);
  decoder->on_result(decoder->context, result, frame.payload == NULL ? NULL : &frame);
}

void tl_decoder_init(tl_decoder *decoder, tl_role role, uint16_t max_payload, uint8_t *buffer,
                     tl_on_result *on_result, void *context) {
  decoder->buffer = buffer;
  decoder->max_payload = max_payload;
  decoder->role = role;
  decoder->on_result = on_result;
  decoder->context = context;
  decoder->length = 0;
  decoder->dropping = false;
}

void tl_decoder_push(tl_decoder *decoder, const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (bytes[i] == 0) {
      if (!decoder->dropping && decoder->length > 0) finish(decoder); /* two zeros in a row mean nothing */
      decoder->length = 0;
      decoder->dropping = false;
    } else if (decoder->dropping) {
      continue;
    } else if (decoder->length == TL_STUFFED_BYTES(decoder->max_payload)) {
      decoder->dropping = true;
      decoder->on_result(decoder->context, TL_CORRUPT_OVERSIZE, NULL);
    } else {
      decoder->buffer[decoder->length++] = bytes[i];
    }
  }
}
