/* Patches of images (docs/protocol.md, section Patches): what a device with feature PATCH does at FinishLoad. C99, no heap,
 * no libc, no dependency. */
#ifndef THERMOLOOP_PATCH_H
#define THERMOLOOP_PATCH_H

#include <stddef.h>
#include <stdint.h>

/* Everything but TL_PATCH_OK is INVALID_ARGUMENT/BAD_PATCH, and the bank is dropped. */
typedef enum {
  TL_PATCH_OK,
  TL_PATCH_EMPTY,
  TL_PATCH_NUMBER_CUT_OFF,
  TL_PATCH_NUMBER_TOO_LARGE,
  TL_PATCH_NUMBER_NOT_SHORTEST,
  TL_PATCH_LENGTH_NOT_SHORTEST,
  TL_PATCH_SPANS_TOUCH,
  TL_PATCH_BEYOND_IMAGE,
  TL_PATCH_DATA_CUT_OFF,
  TL_PATCH_RESULTS
} tl_patch_result;

/* Writes the spans of the patch `stream` into `image`, which holds a copy of the base. After anything but TL_PATCH_OK the
 * image is worth nothing. Hash it afterwards: only the right id makes it STAGED. */
tl_patch_result tl_patch_apply(uint8_t *image, size_t image_length, const uint8_t *stream, size_t stream_length);

#endif
