/* Frames of the thermoloop wire protocol, version 1: an encoder and a stream decoder for firmware, written from
 * docs/protocol.md (sections 1 and 2). C99, no heap, no libc, no dependency; copy the two files into a firmware.
 *
 *   UART, USB --bytes--> tl_decoder_push() --> on_result(TL_FRAME, frame)      your dispatcher checks the session
 *   tl_encode(frame) --wire bytes--> the one writer of the interface
 */
#ifndef THERMOLOOP_FRAME_H
#define THERMOLOOP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TL_WIRE_VERSION 1u
#define TL_HEADER_BYTES 8u /* ver_kind 1, flags 1, session 2, seq 2, len 2 */
#define TL_CRC_BYTES 4u

/* Largest payloads of the two profiles. */
#define TL_UART_MAX_PAYLOAD 632u
#define TL_USB_MAX_PAYLOAD 4076u

/* Sizes for `n` bytes of payload: before COBS; stuffed, at worst; the same with its delimiter. */
#define TL_FRAME_BYTES(n) ((size_t)(n) + TL_HEADER_BYTES + TL_CRC_BYTES)
#define TL_STUFFED_BYTES(n) (TL_FRAME_BYTES(n) + TL_FRAME_BYTES(n) / 254u + 1u)
#define TL_WIRE_BYTES(n) (TL_STUFFED_BYTES(n) + 1u)

enum { TL_HELLO = 1, TL_RPC = 2, TL_CHUNK = 3, TL_SAMPLES = 4, TL_EVENT = 5, TL_LOG = 6 };
enum { TL_REPORT_NOW = 1, TL_LAST = 2, TL_REPLAY = 4 };

/* Who receives: firmware is TL_DEVICE; TL_HOST is for test equipment and for the tests of this file. */
typedef enum { TL_DEVICE, TL_HOST } tl_role;

typedef struct {
  uint8_t kind;
  uint8_t flags;
  uint16_t session;
  uint16_t seq;
  uint16_t length;        /* of the payload, bytes */
  const uint8_t *payload; /* received: within the decoder's buffer, valid during on_result only */
} tl_frame;

/* In the order of the checks. Up to TL_CORRUPT_CRC nothing in the frame can be believed, and `frame` is NULL; from
 * TL_REJECT_VERSION on it is intact, but not for this receiver. */
typedef enum {
  TL_FRAME,
  TL_CORRUPT_OVERSIZE,
  TL_CORRUPT_COBS,
  TL_CORRUPT_TOO_SHORT,
  TL_CORRUPT_TOO_LONG,
  TL_CORRUPT_LENGTH,
  TL_CORRUPT_CRC,
  TL_REJECT_VERSION,
  TL_REJECT_FLAG,
  TL_REJECT_KIND,
  TL_REJECT_DIRECTION,
  TL_REJECT_SESSION_ZERO,
  TL_RESULTS
} tl_result;

/* Called in stream order from tl_decoder_push(). Count every result; answer TL_REJECT_FLAG when it is an RPC request. */
typedef void tl_on_result(void *context, tl_result result, const tl_frame *frame);

typedef struct {
  uint8_t *buffer; /* TL_STUFFED_BYTES(max_payload) bytes: the one frame that is being received */
  uint16_t max_payload;
  tl_role role;
  tl_on_result *on_result;
  void *context;
  size_t length;
  bool dropping; /* inside something longer than any frame */
} tl_decoder;

/* `buffer` holds TL_STUFFED_BYTES(max_payload) bytes and stays with the decoder. */
void tl_decoder_init(tl_decoder *decoder, tl_role role, uint16_t max_payload, uint8_t *buffer,
                     tl_on_result *on_result, void *context);

/* Takes the next bytes of the stream, in any split. */
void tl_decoder_push(tl_decoder *decoder, const uint8_t *bytes, size_t count);

/* Wire bytes of a frame with its trailing 0x00, into `wire`; returns their number, at most TL_WIRE_BYTES(length).
 * 0: a field is out of its range, or `capacity` is too small. Put one 0x00 before it when the line was quiet for more
 * than 50 ms. */
size_t tl_encode(const tl_frame *frame, uint8_t *wire, size_t capacity);

/* CRC-32C of what `crc` stands for, followed by `bytes`; the first call takes crc 0. */
uint32_t tl_crc32c(uint32_t crc, const uint8_t *bytes, size_t count);

#endif
