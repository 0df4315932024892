/* Image format v1 (docs/protocol.md, section Images): checks a program or a field in place and reads its codes. C99, no
 * heap, no libc, no dependency; needs IEEE 754 doubles, in the byte order of the integers. */
#ifndef THERMOLOOP_IMAGE_H
#define THERMOLOOP_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TL_IMAGE_HEADER_BYTES 128u
#define TL_CODE_MAX 2047
#define TL_NOISE_CODE_MAX 4095u

typedef enum { TL_IMAGE_PROGRAM = 1, TL_IMAGE_FIELD = 2 } tl_image_kind;

/* In the order of the header. */
enum { TL_COUPLING, TL_BIAS, TL_FIELD, TL_J2, TL_J4, TL_NOISE, TL_SCALES };

/* What the device states in Capabilities. */
typedef struct {
  uint32_t units_max;
  double state_scale;
  double full_scale_min[TL_SCALES];
  double full_scale_max[TL_SCALES];
} tl_image_limits;

/* Pointers lead into the image. What a kind does not have is NULL or 0. */
typedef struct {
  uint32_t units;
  uint16_t noise_code;
  double scale[TL_SCALES]; /* E0 per code */
  const uint8_t *j2, *j4, *bias, *coupling, *field;
} tl_image;

/* False: not exactly the format, or not for this device: INVALID_ARGUMENT/BAD_LAYOUT, and the bank is dropped. */
bool tl_image_read(const uint8_t *bytes, size_t length, tl_image_kind kind, const tl_image_limits *limits,
                   tl_image *image);

/* Code k of a block, -2047 to 2047. */
int tl_code(const uint8_t *block, size_t k);

/* Place of the pair i < j in the block of couplings. */
size_t tl_pair(uint32_t units, uint32_t i, uint32_t j);

#endif
