/* See thermoloop_patch.h. */
#include "thermoloop_patch.h"

typedef struct {
  const uint8_t *stream;
  size_t length;
  size_t at;
} reader;

/* Unsigned LEB128 below 2^32, in its shortest form. */
static tl_patch_result read_number(reader *in, uint32_t *number) {
  uint32_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (in->at == in->length) return TL_PATCH_NUMBER_CUT_OFF;
    const uint8_t byte = in->stream[in->at++];
    const uint32_t bits = byte & 0x7Fu;
    if (shift == 28 && bits > 0x0Fu) return TL_PATCH_NUMBER_TOO_LARGE;
    value |= bits << shift;
    if (byte < 0x80u) {
      if (byte == 0 && shift > 0) return TL_PATCH_NUMBER_NOT_SHORTEST;
      *number = value;
      return TL_PATCH_OK;
    }
  }
  return TL_PATCH_NUMBER_TOO_LARGE; /* a sixth byte */
}

/* The head, and the length where the head does not hold it. */
static tl_patch_result read_span(reader *in, uint32_t *gap, uint32_t *length) {
  uint32_t head;
  tl_patch_result result = read_number(in, &head);
  if (result != TL_PATCH_OK) return result;
  *gap = head / 4u;
  *length = head % 4u;
  if (*length != 0) return TL_PATCH_OK;
  result = read_number(in, length);
  if (result == TL_PATCH_OK && *length < 4u) return TL_PATCH_LENGTH_NOT_SHORTEST;
  return result;
}

tl_patch_result tl_patch_apply(uint8_t *image, size_t image_length, const uint8_t *stream, size_t stream_length) {
  reader in = {stream, stream_length, 0};
  size_t end = 0; /* of the span before */
  if (stream_length == 0) return TL_PATCH_EMPTY;
  for (int is_first = 1; in.at < in.length; is_first = 0) {
    uint32_t gap, length;
    const tl_patch_result result = read_span(&in, &gap, &length);
    if (result != TL_PATCH_OK) return result;
    if (gap == 0 && !is_first) return TL_PATCH_SPANS_TOUCH;
    if (gap > image_length - end || length > image_length - end - gap) return TL_PATCH_BEYOND_IMAGE;
    if (length > in.length - in.at) return TL_PATCH_DATA_CUT_OFF;
    end += gap;
    for (uint32_t k = 0; k < length; k++) image[end++] = in.stream[in.at++];
  }
  return TL_PATCH_OK;
}
