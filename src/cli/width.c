/* Cell widths after Unicode's East Asian Width (W and F) and the combining ranges that occur in
 * practice. */
#include "cli/grid.h"

typedef struct {
    uint32_t first;
    uint32_t last;
} range;

static const range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},
    {0x23f0, 0x23f0},   {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x267f, 0x267f},   {0x2693, 0x2693},   {0x26a1, 0x26a1},
    {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x26ce, 0x26ce},
    {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},
    {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},
    {0x2728, 0x2728},   {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27b0, 0x27b0},   {0x27bf, 0x27bf},
    {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},   {0x2e80, 0x303e},
    {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0xa4cf},   {0xa960, 0xa97c},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},
    {0xff01, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x18cff}, {0x1b000, 0x1b2ff},
    {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a},
    {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393},
    {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4},
    {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d},
    {0x1f54b, 0x1f54e}, {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596},
    {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc},
    {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6df}, {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc},
    {0x1f7e0, 0x1f7eb}, {0x1f90c, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

static const range none[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489},   {0x0591, 0x05bd},   {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x0900, 0x0902}, {0x093c, 0x093c},   {0x0941, 0x0948},   {0x094d, 0x094d}, {0x0e31, 0x0e31},
    {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},   {0x1ab0, 0x1aff},   {0x1dc0, 0x1dff}, {0x200b, 0x200f},
    {0x202a, 0x202e}, {0x2060, 0x2064},   {0x20d0, 0x20ff},   {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    {0xfeff, 0xfeff}, {0x1f3fb, 0x1f3ff}, {0xe0100, 0xe01ef},
};

static bool is_in(const range *ranges, size_t count, uint32_t code)
{
    size_t low = 0;
    while (low < count) {
        size_t mid = low + (count - low) / 2;
        if (code > ranges[mid].last) {
            low = mid + 1;
        } else if (code < ranges[mid].first) {
            count = mid;
        } else {
            return true;
        }
    }
    return false;
}

/* The code point at ptr and its length; a bad byte is itself. */
static uint32_t decode(const unsigned char *ptr, size_t len, size_t *used)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = ptr[0];
    size_t want = first < 0x80                    ? 1
                  : first >= 0xf0 && first < 0xf5 ? 4
                  : first >= 0xe0                 ? 3
                  : first >= 0xc2                 ? 2
                                                  : 1;
    *used = 1;
    if (want == 1 || want > len || first >= 0xf5) {
        return first;
    }
    uint32_t code = first & (0xffU >> (want + 1));
    for (size_t i = 1; i < want; i++) {
        if ((ptr[i] & 0xc0) != 0x80) {
            return first;
        }
        code = code << 6 | (ptr[i] & 0x3fU);
    }
    if (code < least[want]) {
        return first;
    }
    *used = want;
    return code;
}

static uint32_t cells_of(uint32_t code)
{
    if (code < 0x300) {
        return 1;
    }
    if (is_in(none, sizeof none / sizeof none[0], code)) {
        return 0;
    }
    return is_in(wide, sizeof wide / sizeof wide[0], code) ? 2 : 1;
}

uint32_t lt_text_width(lt_str text)
{
    uint32_t width = 0;
    size_t used = 0;
    for (size_t i = 0; i < text.len; i += used) {
        width += cells_of(decode((const unsigned char *)text.ptr + i, text.len - i, &used));
    }
    return width;
}

static size_t colour_len(lt_str text, size_t at)
{
    if (text.ptr[at] != '\033' || at + 1 >= text.len || text.ptr[at + 1] != '[') {
        return 0;
    }
    for (size_t i = at + 2; i < text.len; i++) {
        if (text.ptr[i] == 'm') {
            return i + 1 - at;
        }
    }
    return 0;
}

size_t lt_text_fit(lt_str text, uint32_t width)
{
    uint32_t taken = 0;
    size_t used = 0;
    for (size_t i = 0; i < text.len; i += used) {
        used = colour_len(text, i);
        if (used == 0) {
            taken += cells_of(decode((const unsigned char *)text.ptr + i, text.len - i, &used));
        }
        if (taken > width) {
            return i;
        }
    }
    return text.len;
}
