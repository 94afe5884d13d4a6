/* The growing text buffer of str.h. A failure is sticky, so that a caller builds a whole text and
 * looks once; what was there before the failure stays readable and NUL-terminated. */
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/str.h"

#define TEXT_BYTES_MAX ((size_t)1 << 30)
#define TEXT_CAP_MIN   ((size_t)64)

void lt_text_init(lt_text *text, lt_mem *mem)
{
    *text = (lt_text){.mem = mem};
}

void lt_text_deinit(lt_text *text)
{
    lt_mem_free(text->mem, text->ptr, text->cap);
    *text = (lt_text){.mem = text->mem, .len_max = text->len_max};
}

void lt_text_clear(lt_text *text)
{
    text->len = 0;
    text->failed = false;
    if (text->ptr) {
        text->ptr[0] = '\0';
    }
}

bool lt_text_reserve(lt_text *text, size_t more)
{
    size_t len_max = text->len_max > 0 ? text->len_max : TEXT_BYTES_MAX;
    if (text->failed) {
        return false;
    }
    if (text->len > len_max || more > len_max - text->len) {
        text->failed = true;
        return false;
    }
    size_t need = text->len + more + 1;
    if (need <= text->cap) {
        return true;
    }
    size_t cap = LT_MAX(text->cap * 2, TEXT_CAP_MIN);
    cap = LT_MAX(cap, need);
    char *grown = lt_mem_realloc(text->mem, text->ptr, text->cap, cap);
    if (!grown) {
        text->failed = true;
        return false;
    }
    grown[text->len] = '\0';
    text->ptr = grown;
    text->cap = cap;
    return true;
}

void lt_text_append(lt_text *text, const char *ptr, size_t len)
{
    if (!lt_text_reserve(text, len)) {
        return;
    }
    if (len > 0) {
        memcpy(text->ptr + text->len, ptr, len);
    }
    text->len += len;
    text->ptr[text->len] = '\0';
}

void lt_text_puts(lt_text *text, const char *cstr)
{
    lt_text_append(text, cstr, strlen(cstr));
}

void lt_text_putc(lt_text *text, char ch)
{
    lt_text_append(text, &ch, 1);
}

void lt_text_printf(lt_text *text, const char *fmt, ...)
{
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    /* What is free now is often enough; else the first pass has told the length. */
    size_t room = text->ptr ? text->cap - text->len : 0;
    int want = vsnprintf(room > 0 ? text->ptr + text->len : NULL, room, fmt, args);
    va_end(args);
    if (want < 0 || !lt_text_reserve(text, (size_t)want)) {
        text->failed = true;
        if (text->ptr) {
            text->ptr[text->len] = '\0';
        }
    } else {
        if ((size_t)want >= room) {
            (void)vsnprintf(text->ptr + text->len, (size_t)want + 1, fmt, again);
        }
        text->len += (size_t)want;
    }
    va_end(again);
}

/* Length of the well-formed UTF-8 sequence at ptr (no overlong forms, no surrogates, at most
 * U+10FFFF); 0 when there is none. */
static size_t utf8_length(const unsigned char *ptr, size_t len)
{
    unsigned char first = ptr[0];
    if (first < 0x80) {
        return 1;
    }
    size_t need = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (need == 0 || need > len) {
        return 0;
    }
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (ptr[1] < low || ptr[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if ((ptr[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return need;
}

static void json_escape(lt_text *text, unsigned char ch)
{
    static const char hex[] = "0123456789abcdef";
    char shortcut = ch == '\n'   ? 'n'
                    : ch == '\t' ? 't'
                    : ch == '\r' ? 'r'
                    : ch == '\b' ? 'b'
                    : ch == '\f' ? 'f'
                    : ch >= 0x20 ? (char)ch
                                 : '\0';
    if (shortcut != '\0') {
        char two[2] = {'\\', shortcut};
        lt_text_append(text, two, sizeof two);
    } else {
        char six[6] = {'\\', 'u', '0', '0', hex[ch >> 4], hex[ch & 15]};
        lt_text_append(text, six, sizeof six);
    }
}

void lt_text_json(lt_text *text, lt_str s)
{
    const unsigned char *ptr = (const unsigned char *)s.ptr;
    size_t done = 0; /* up to here everything is in the text */
    lt_text_putc(text, '"');
    for (size_t at = 0; at < s.len;) {
        unsigned char ch = ptr[at];
        bool escaped = ch < 0x20 || ch == '"' || ch == '\\';
        size_t step = escaped ? 0 : utf8_length(ptr + at, s.len - at);
        if (step > 0) {
            at += step;
            continue;
        }
        lt_text_append(text, s.ptr + done, at - done);
        if (escaped) {
            json_escape(text, ch);
        } else {
            lt_text_puts(text, "\xEF\xBF\xBD");
        }
        at++;
        done = at;
    }
    if (s.len > done) {
        lt_text_append(text, s.ptr + done, s.len - done);
    }
    lt_text_putc(text, '"');
}
