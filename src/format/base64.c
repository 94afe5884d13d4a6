/* Base64, RFC 4648 alphabet, padding needed, no line feeds: what Flink's json and csv formats make
 * of BYTES. */
#include "format/decode_int.h"

static int sextet(unsigned char ch)
{
    if (ch >= 'A' && ch <= 'Z') {
        return ch - 'A';
    }
    if (ch >= 'a' && ch <= 'z') {
        return ch - 'a' + 26;
    }
    if (ch >= '0' && ch <= '9') {
        return ch - '0' + 52;
    }
    return ch == '+' ? 62 : ch == '/' ? 63 : -1;
}

size_t lt_base64_decode(const char *ptr, size_t len, uint8_t *out)
{
    size_t made = 0;
    if (len % 4 != 0) {
        return SIZE_MAX;
    }
    for (size_t at = 0; at < len; at += 4) {
        const unsigned char *in = (const unsigned char *)ptr + at;
        unsigned pads = 0;
        if (at + 4 == len) {
            pads = in[3] == '=' ? (in[2] == '=' ? 2 : 1) : 0;
        }
        int a = sextet(in[0]);
        int b = sextet(in[1]);
        int c = pads >= 2 ? 0 : sextet(in[2]);
        int d = pads >= 1 ? 0 : sextet(in[3]);
        if (a < 0 || b < 0 || c < 0 || d < 0) {
            return SIZE_MAX;
        }
        uint32_t word = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)d;
        out[made++] = (uint8_t)(word >> 16);
        if (pads < 2) {
            out[made++] = (uint8_t)(word >> 8);
        }
        if (pads < 1) {
            out[made++] = (uint8_t)word;
        }
    }
    return made;
}

void lt_base64_encode(lt_text *to, const char *ptr, size_t len)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)ptr;
    if (!lt_text_reserve(to, (len + 2) / 3 * 4)) {
        return;
    }
    for (size_t at = 0; at < len; at += 3) {
        size_t have = LT_MIN(len - at, (size_t)3);
        uint32_t word = (uint32_t)in[at] << 16;
        word |= have > 1 ? (uint32_t)in[at + 1] << 8 : 0;
        word |= have > 2 ? (uint32_t)in[at + 2] : 0;
        char quad[4] = {alphabet[word >> 18], alphabet[word >> 12 & 63],
                        have > 1 ? alphabet[word >> 6 & 63] : '=',
                        have > 2 ? alphabet[word & 63] : '='};
        lt_text_append(to, quad, sizeof quad);
    }
}
