/* See thermoloop_image.h. */
#include "thermoloop_image.h"

enum { VERSION = 1, TOPOLOGY_DENSE = 1, PACKING_PAIRS_12 = 1 };
enum { AT_SCALES = 24, AT_STATE_SCALE = 72, AT_NOISE_CODE = 80, AT_RESERVED = 82 };
/* A full scale is a product of two rounded numbers. */
static const double TOLERANCE = 1e-9;

static uint16_t u16(const uint8_t *at) { return (uint16_t)(at[0] | (unsigned)at[1] << 8); }

static uint32_t u32(const uint8_t *at) { return u16(at) | (uint32_t)u16(at + 2) << 16; }

static uint64_t u64(const uint8_t *at) { return u32(at) | (uint64_t)u32(at + 4) << 32; }

static double f64(const uint8_t *at) {
  union {
    uint64_t bits;
    double value;
  } number;
  number.bits = u64(at);
  return number.value;
}

int tl_code(const uint8_t *block, size_t k) {
  const uint8_t *at = block + k / 2 * 3;
  const unsigned bits = k % 2 == 0 ? (at[0] | (at[1] & 0x0Fu) << 8) : (at[1] >> 4 | (unsigned)at[2] << 4);
  return bits < 0x800u ? (int)bits : (int)bits - 0x1000;
}

size_t tl_pair(uint32_t units, uint32_t i, uint32_t j) {
  return (size_t)i * units - (size_t)i * (i + 1u) / 2u + (j - i - 1u);
}

/* Two codes in three bytes; an odd block is padded. */
static size_t block_bytes(size_t codes) { return (codes + 1) / 2 * 3; }

/* No code is -2,048, and the padding is zero. */
static bool is_block(const uint8_t *block, size_t codes) {
  for (size_t k = 0; k < codes; k++) {
    if (tl_code(block, k) < -TL_CODE_MAX) return false;
  }
  return codes % 2 == 0 || tl_code(block, codes) == 0;
}

static bool is_header(const uint8_t *bytes, tl_image_kind kind, const tl_image_limits *limits) {
  if (bytes[0] != 'T' || bytes[1] != 'L' || bytes[2] != 'I' || bytes[3] != 'M') return false;
  if (u16(bytes + 4) != VERSION || u16(bytes + 6) != (uint16_t)kind) return false;
  if (u32(bytes + 8) < 1 || u32(bytes + 8) > limits->units_max) return false;
  if (u16(bytes + 12) != TOPOLOGY_DENSE || u16(bytes + 14) != PACKING_PAIRS_12) return false;
  if (u32(bytes + 16) != TL_IMAGE_HEADER_BYTES) return false;
  const double state_scale = f64(bytes + AT_STATE_SCALE); /* exactly the one of Capabilities */
  if (!(state_scale >= limits->state_scale && state_scale <= limits->state_scale)) return false;
  for (size_t k = AT_RESERVED; k < TL_IMAGE_HEADER_BYTES; k++) {
    if (bytes[k] != 0) return false;
  }
  return true;
}

/* A finite number above 0 whose full scale the converters can give. */
static bool read_scale(const uint8_t *bytes, unsigned which, const tl_image_limits *limits, tl_image *image) {
  const uint8_t *at = bytes + AT_SCALES + 8u * which;
  const double scale = f64(at);
  const double full_scale = scale * (which == TL_NOISE ? (double)TL_NOISE_CODE_MAX : (double)TL_CODE_MAX);
  if ((u64(at) >> 52 & 0x7FFu) == 0x7FFu || !(scale > 0)) return false; /* NaN and infinity have this exponent */
  image->scale[which] = scale;
  return full_scale >= limits->full_scale_min[which] * (1 - TOLERANCE) &&
         full_scale <= limits->full_scale_max[which] * (1 + TOLERANCE);
}

static bool read_program(const uint8_t *bytes, size_t length, const tl_image_limits *limits, tl_image *image) {
  const size_t units = image->units;
  const size_t pairs = units * (units - 1) / 2;
  const size_t unit_bytes = block_bytes(units);
  if (u32(bytes + 20) != pairs) return false;
  if (length != TL_IMAGE_HEADER_BYTES + 3 * unit_bytes + block_bytes(pairs)) return false;
  if (image->noise_code < 1 || image->noise_code > TL_NOISE_CODE_MAX) return false;
  for (unsigned which = 0; which < TL_SCALES; which++) {
    if (!read_scale(bytes, which, limits, image)) return false;
  }
  image->j2 = bytes + TL_IMAGE_HEADER_BYTES;
  image->j4 = image->j2 + unit_bytes;
  image->bias = image->j4 + unit_bytes;
  image->coupling = image->bias + unit_bytes;
  for (size_t k = 0; k < units; k++) {
    if (tl_code(image->j4, k) <= 0) return false;
  }
  return is_block(image->j2, units) && is_block(image->j4, units) && is_block(image->bias, units) &&
         is_block(image->coupling, pairs);
}

static bool read_field(const uint8_t *bytes, size_t length, const tl_image_limits *limits, tl_image *image) {
  if (length != TL_IMAGE_HEADER_BYTES + block_bytes(image->units)) return false;
  if (u32(bytes + 20) != 0 || image->noise_code != 0) return false;
  for (unsigned which = 0; which < TL_SCALES; which++) {
    if (which != TL_FIELD && u64(bytes + AT_SCALES + 8u * which) << 1 != 0) return false; /* either sign of zero */
  }
  image->field = bytes + TL_IMAGE_HEADER_BYTES;
  return read_scale(bytes, TL_FIELD, limits, image) && is_block(image->field, image->units);
}

bool tl_image_read(const uint8_t *bytes, size_t length, tl_image_kind kind, const tl_image_limits *limits,
                   tl_image *image) {
  static const tl_image nothing;
  *image = nothing;
  if (length < TL_IMAGE_HEADER_BYTES || !is_header(bytes, kind, limits)) return false;
  image->units = u32(bytes + 8);
  image->noise_code = u16(bytes + AT_NOISE_CODE);
  return kind == TL_IMAGE_PROGRAM ? read_program(bytes, length, limits, image)
                                  : read_field(bytes, length, limits, image);
}
