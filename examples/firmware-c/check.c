/* Drives the other files over stdin and stdout, for the golden vectors in test/vectors, for a comparison with another
 * decoder, and by hand:
 *
 *   crc HEX                                  -> crc e3069283
 *   decode host|device MAX_PAYLOAD HEX       -> one line per result, then "."
 *                                               frame KIND FLAGS SESSION SEQ PAYLOAD | corrupt REASON | rejected REASON
 *   encode KIND FLAGS SESSION SEQ PAYLOAD    -> wire HEX, or "refused"
 *   base HEX                                 -> nothing; the next patch is made against it
 *   patch HEX                                -> image HEX, or "refused REASON"
 *   limits UNITS_MAX STATE_SCALE MIN MAX ...  -> nothing; what the device states, MIN and MAX for coupling, bias, field, J2,
 *                                               J4 and noise temperature
 *   program HEX, field HEX                   -> UNITS NOISE_CODE, six scales, codes in the order of the image; or "refused"
 *
 * HEX and PAYLOAD are hexadecimal digits, "-" for no bytes. Exits 2 on a line that is none of these. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thermoloop_frame.h"
#include "thermoloop_image.h"
#include "thermoloop_patch.h"

enum { BYTES_MAX = 1 << 19, LINE_MAX_CHARS = 2 * BYTES_MAX + 100 };

static char line[LINE_MAX_CHARS];
static uint8_t bytes[BYTES_MAX];
static uint8_t image[BYTES_MAX];
static size_t image_length;
static tl_image_limits limits;
static uint8_t wire[TL_WIRE_BYTES(65535)];
static uint8_t buffer[TL_STUFFED_BYTES(65535)];

static const char *const names[TL_RESULTS] = {
    "frame",          "corrupt oversize",     "corrupt cobs",          "corrupt too-short",
    "corrupt too-long", "corrupt length",     "corrupt crc",           "rejected unsupported-version",
    "rejected unsupported-flag", "rejected unknown-kind", "rejected wrong-direction", "rejected session-zero-rule"};

static void print_hex(const uint8_t *from, size_t count) {
  static const char digits[] = "0123456789abcdef";
  if (count == 0) putchar('-');
  for (size_t i = 0; i < count; i++) {
    putchar(digits[from[i] >> 4]);
    putchar(digits[from[i] & 15u]);
  }
  putchar('\n');
}

static void print_result(void *context, tl_result result, const tl_frame *frame) {
  (void)context;
  if (result != TL_FRAME) {
    puts(names[result]);
    return;
  }
  printf("frame %u %u %u %u ", (unsigned)frame->kind, (unsigned)frame->flags, (unsigned)frame->session,
         (unsigned)frame->seq);
  print_hex(frame->payload, frame->length);
}

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/* Number of bytes, or -1. */
static long read_hex(const char *text) {
  size_t count = 0;
  if (strcmp(text, "-") == 0) return 0;
  for (; text[0] != '\0'; text += 2) {
    const int high = digit(text[0]);
    const int low = text[1] == '\0' ? -1 : digit(text[1]);
    if (high < 0 || low < 0 || count == BYTES_MAX) return -1;
    bytes[count++] = (uint8_t)(high * 16 + low);
  }
  return (long)count;
}

/* In pieces of 1, 2, 3, ... bytes: the split must not matter. */
static void decode(tl_role role, unsigned max_payload, size_t count) {
  tl_decoder decoder;
  tl_decoder_init(&decoder, role, (uint16_t)max_payload, buffer, print_result, NULL);
  for (size_t at = 0, piece = 1; at < count; at += piece, piece = piece % 97 + 1) {
    if (piece > count - at) piece = count - at;
    tl_decoder_push(&decoder, bytes + at, piece);
  }
  puts(".");
}

static void encode(const unsigned *field, size_t count) {
  const tl_frame frame = {(uint8_t)field[0],  (uint8_t)field[1], (uint16_t)field[2],
                          (uint16_t)field[3], (uint16_t)count,   bytes};
  const size_t length = tl_encode(&frame, wire, sizeof wire);
  if (length == 0) {
    puts("refused");
    return;
  }
  fputs("wire ", stdout);
  print_hex(wire, length);
}

static void patch(size_t count) {
  static const char *const reasons[TL_PATCH_RESULTS] = {"ok",
                                                        "empty",
                                                        "number-cut-off",
                                                        "number-too-large",
                                                        "number-not-shortest",
                                                        "length-not-shortest",
                                                        "spans-touch",
                                                        "beyond-image",
                                                        "data-cut-off"};
  const tl_patch_result result = tl_patch_apply(image, image_length, bytes, count);
  if (result != TL_PATCH_OK) {
    printf("refused %s\n", reasons[result]);
    return;
  }
  fputs("image ", stdout);
  print_hex(image, image_length);
}

static void read_limits(const char *text) {
  char *rest;
  limits.units_max = (uint32_t)strtoul(text, &rest, 10);
  limits.state_scale = strtod(rest, &rest);
  for (int which = 0; which < TL_SCALES; which++) {
    limits.full_scale_min[which] = strtod(rest, &rest);
    limits.full_scale_max[which] = strtod(rest, &rest);
  }
}

static void print_codes(const uint8_t *block, size_t count) {
  for (size_t k = 0; block != NULL && k < count; k++) printf(" %d", tl_code(block, k));
}

static void read_image(tl_image_kind kind, size_t count) {
  tl_image read;
  if (!tl_image_read(bytes, count, kind, &limits, &read)) {
    puts("refused");
    return;
  }
  printf("%lu %u", (unsigned long)read.units, (unsigned)read.noise_code);
  for (int which = 0; which < TL_SCALES; which++) printf(" %.17g", read.scale[which]);
  print_codes(read.j2, read.units);
  print_codes(read.j4, read.units);
  print_codes(read.bias, read.units);
  for (uint32_t i = 0; i < read.units; i++) {
    for (uint32_t j = i + 1; read.coupling != NULL && j < read.units; j++) {
      printf(" %d", tl_code(read.coupling, tl_pair(read.units, i, j)));
    }
  }
  print_codes(read.field, read.units);
  putchar('\n');
}

/* False: not a command. */
static bool obey(void) {
  unsigned field[4];
  int at = 0;
  long count;
  if (sscanf(line, "crc %n", &at) == 0 && at > 0) {
    if ((count = read_hex(line + at)) < 0) return false;
    printf("crc %08lx\n", (unsigned long)tl_crc32c(0, bytes, (size_t)count));
    return true;
  }
  if (sscanf(line, "base %n", &at) == 0 && at > 0) {
    if ((count = read_hex(line + at)) < 0) return false;
    image_length = (size_t)count;
    memcpy(image, bytes, image_length);
    return true;
  }
  if (sscanf(line, "patch %n", &at) == 0 && at > 0) {
    if ((count = read_hex(line + at)) < 0) return false;
    patch((size_t)count);
    return true;
  }
  if (sscanf(line, "limits %n", &at) == 0 && at > 0) {
    read_limits(line + at);
    return true;
  }
  if (sscanf(line, "program %n", &at) == 0 && at > 0) {
    if ((count = read_hex(line + at)) < 0) return false;
    read_image(TL_IMAGE_PROGRAM, (size_t)count);
    return true;
  }
  if (sscanf(line, "field %n", &at) == 0 && at > 0) {
    if ((count = read_hex(line + at)) < 0) return false;
    read_image(TL_IMAGE_FIELD, (size_t)count);
    return true;
  }
  if (sscanf(line, "encode %3u %3u %5u %5u %n", &field[0], &field[1], &field[2], &field[3], &at) == 4 && at > 0) {
    if ((count = read_hex(line + at)) < 0 || count > 65535) return false;
    encode(field, (size_t)count);
    return true;
  }
  if (sscanf(line, "decode device %5u %n", &field[0], &at) == 1 && at > 0 && field[0] <= 65535) {
    if ((count = read_hex(line + at)) < 0) return false;
    decode(TL_DEVICE, field[0], (size_t)count);
    return true;
  }
  if (sscanf(line, "decode host %5u %n", &field[0], &at) == 1 && at > 0 && field[0] <= 65535) {
    if ((count = read_hex(line + at)) < 0) return false;
    decode(TL_HOST, field[0], (size_t)count);
    return true;
  }
  return false;
}

int main(void) {
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\r\n")] = '\0';
    if (!obey()) {
      fprintf(stderr, "not a command: %.60s\n", line);
      return 2;
    }
  }
  return 0;
}
