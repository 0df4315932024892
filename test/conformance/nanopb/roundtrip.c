/* Decodes messages with the structs that nanopb makes of link.proto and link.options, and encodes them again:
 *
 *   MESSAGE HEX  ->  HEX, or "refused REASON"        MESSAGE such as Envelope, "-" for no bytes
 *
 * test/conformance/nanopb.test.ts compiles it beside the generated link.pb.c and compares the bytes with the host's. */
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>
#include <string.h>

#include "thermoloop/v1/link.pb.h"

enum { BYTES_MAX = 4096, LINE_MAX_CHARS = 2 * BYTES_MAX + 64 };

/* A firmware holds one message at a time. */
static union {
  thermoloop_v1_HostHello host_hello;
  thermoloop_v1_DeviceHello device_hello;
  thermoloop_v1_Envelope envelope;
  thermoloop_v1_Event event;
  thermoloop_v1_LogLine log_line;
} message;

static const struct {
  const char *name;
  const pb_msgdesc_t *fields;
  size_t bytes_max;
} kinds[] = {
    {"HostHello", thermoloop_v1_HostHello_fields, thermoloop_v1_HostHello_size},
    {"DeviceHello", thermoloop_v1_DeviceHello_fields, thermoloop_v1_DeviceHello_size},
    {"Envelope", thermoloop_v1_Envelope_fields, thermoloop_v1_Envelope_size},
    {"Event", thermoloop_v1_Event_fields, thermoloop_v1_Event_size},
    {"LogLine", thermoloop_v1_LogLine_fields, thermoloop_v1_LogLine_size},
};

static size_t read_hex(const char *text, pb_byte_t *out) {
  size_t count = 0;
  unsigned value;
  while (count < BYTES_MAX && sscanf(text, "%2x", &value) == 1) {
    out[count++] = (pb_byte_t)value;
    text += 2;
  }
  return count;
}

static void round_trip(const pb_msgdesc_t *fields, size_t bytes_max, const pb_byte_t *bytes, size_t count) {
  static pb_byte_t again[BYTES_MAX];
  pb_istream_t in = pb_istream_from_buffer(bytes, count);
  memset(&message, 0, sizeof message);
  if (!pb_decode(&in, fields, &message)) {
    printf("refused %s\n", PB_GET_ERROR(&in));
    return;
  }
  /* The largest size that the generator states is the room that a firmware allots. */
  pb_ostream_t out = pb_ostream_from_buffer(again, bytes_max);
  if (!pb_encode(&out, fields, &message)) {
    printf("refused to encode: %s\n", PB_GET_ERROR(&out));
    return;
  }
  if (out.bytes_written == 0) putchar('-');
  for (size_t i = 0; i < out.bytes_written; i++) printf("%02x", again[i]);
  putchar('\n');
}

int main(void) {
  static char line[LINE_MAX_CHARS], name[32];
  static pb_byte_t bytes[BYTES_MAX];
  while (fgets(line, sizeof line, stdin) != NULL) {
    int at = 0;
    size_t k = 0;
    if (sscanf(line, "%31s %n", name, &at) != 1) return 2;
    while (k < sizeof kinds / sizeof kinds[0] && strcmp(kinds[k].name, name) != 0) k++;
    if (k == sizeof kinds / sizeof kinds[0]) return 2;
    round_trip(kinds[k].fields, kinds[k].bytes_max, bytes, read_hex(line + at, bytes));
  }
  return 0;
}
