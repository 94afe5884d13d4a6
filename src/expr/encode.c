/* Encodings of strings and bytes: digests, Base64, character sets, URLs, JSON string literals. */
#include "expr/digest.h"
#include "expr/families.h"
#include "expr/simple.h"
#include "expr/utf8.h"

static const char lower_hex[] = "0123456789abcdef";
static const char upper_hex[] = "0123456789ABCDEF";

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- digests ---- */

static void put_digest(lt_kctx *k, uint32_t row, lt_digest_kind kind)
{
    uint8_t digest[LT_DIGEST_MAX];
    char text[2 * LT_DIGEST_MAX];
    lt_str s = lt_k_str(k, 0, row);
    size_t len = lt_digest(kind, s.ptr, s.len, digest);
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = lower_hex[digest[i] >> 4];
        text[2 * i + 1] = lower_hex[digest[i] & 15];
    }
    lt_k_put_copy(k, row, text, 2 * len);
}

static lt_status digest_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        put_digest(k, row, (lt_digest_kind)k->call->u.call.func->op);
    }
    return LT_OK;
}

lt_status lt_infer_digest(lt_infer *in, lt_error *err)
{
    static const lt_simple simple = {"x", 'S', false, digest_kernel};
    static const int32_t lengths[] = {32, 40, 56, 64, 96, 128};
    LT_TRY(lt_in_simple(in, &simple, err));
    in->type = lt_type_sized(in->b->arena, LT_TYPE_CHAR, lengths[in->func->op], lt_in_nullable(in));
    return LT_OK;
}

static lt_status sha2_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        switch (lt_k_i32(k, 1, row)) {
        case 224:
            put_digest(k, row, LT_SHA224);
            break;
        case 256:
            put_digest(k, row, LT_SHA256);
            break;
        case 384:
            put_digest(k, row, LT_SHA384);
            break;
        case 512:
            put_digest(k, row, LT_SHA512);
            break;
        default:
            lt_k_fail(k, row, "bad-length", "SHA2 takes 224, 256, 384 or 512 bits, not %d",
                      lt_k_i32(k, 1, row));
            break;
        }
    }
    return LT_OK;
}

lt_status lt_infer_sha2(lt_infer *in, lt_error *err)
{
    static const lt_simple simple = {"xi", 'S', false, sha2_kernel};
    const lt_value *bits = in->count == 2 ? lt_in_literal(in, 1) : NULL;
    LT_TRY(lt_in_simple(in, &simple, err));
    if (bits != NULL && bits->u.i != 224 && bits->u.i != 256 && bits->u.i != 384 &&
        bits->u.i != 512) {
        return lt_error_set_at(err, LT_ERR_SQL, in->pos, "SHA2 makes 224, 256, 384 or 512 bits");
    }
    in->type = lt_type_sized(in->b->arena, LT_TYPE_VARCHAR, 128, lt_in_nullable(in));
    return LT_OK;
}

/* Java's String.hashCode, over UTF-16 units, without its sign (but for -2^31). */
static lt_status hash_code_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        uint32_t hash = 0;
        for (const char *p = s.ptr, *end = s.ptr + s.len; p < end;) {
            uint32_t code = lt_utf8_next(&p, end);
            if (code >= 0x10000) {
                hash = hash * 31 + (0xd7c0 + (code >> 10));
                code = 0xdc00 + (code & 0x3ff);
            }
            hash = hash * 31 + code;
        }
        LT_OUT(k, int32_t)[row] = (int32_t)(hash & 0x80000000 ? 0 - hash : hash);
    }
    return LT_OK;
}

/* ---- Base64 ---- */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static lt_status to_base64_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        size_t len = (s.len + 2) / 3 * 4, at = 0;
        char *to = lt_k_bytes(k, len);
        if (to == NULL) {
            break;
        }
        for (size_t i = 0; i < s.len; i += 3) {
            size_t left = LT_MIN(s.len - i, (size_t)3);
            uint32_t x = 0;
            for (size_t b = 0; b < 3; b++) {
                x = x << 8 | (b < left ? (unsigned char)s.ptr[i + b] : 0u);
            }
            for (size_t c = 0; c < 4; c++) {
                to[at++] = c <= left ? base64[x >> (18 - 6 * c) & 63] : '=';
            }
        }
        lt_k_put_view(k, row, to, len);
    }
    return LT_OK;
}

static int base64_value(char c)
{
    const char *hit = c != '\0' ? strchr(base64, c) : NULL;
    return hit != NULL ? (int)(hit - base64) : -1;
}

/* Bad input fails; the bytes are taken for UTF-8. */
static lt_status from_base64_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        while (s.len > 0 && s.ptr[s.len - 1] == '=') {
            s.len--;
        }
        char *to = lt_k_bytes(k, s.len);
        if (to == NULL) {
            break;
        }
        size_t at = 0;
        uint32_t x = 0, bits = 0;
        bool good = s.len % 4 != 1;
        for (size_t i = 0; good && i < s.len; i++) {
            int value = base64_value(s.ptr[i]);
            good = value >= 0;
            x = x << 6 | ((uint32_t)value & 63);
            bits += 6;
            if (bits >= 8) {
                bits -= 8;
                to[at++] = (char)(x >> bits);
            }
        }
        if (!good) {
            lt_k_fail(k, row, "bad-base64", "not Base64: '%.*s'", (int)LT_MIN(s.len, (size_t)60),
                      s.ptr);
            continue;
        }
        lt_k_put_view(k, row, to, at);
    }
    return LT_OK;
}

/* ---- character sets ---- */

typedef enum { CS_UTF8, CS_ASCII, CS_LATIN1, CS_UTF16, CS_UTF16BE, CS_UTF16LE, CS_UNKNOWN } charset;

static charset charset_of(lt_str name)
{
    static const char *const names[] = {"UTF-8",  "US-ASCII", "ISO-8859-1",
                                        "UTF-16", "UTF-16BE", "UTF-16LE"};
    for (int i = 0; i < CS_UNKNOWN; i++) {
        if (lt_str_eq_ci(name, lt_str_of(names[i]))) {
            return (charset)i;
        }
    }
    return lt_str_eq_ci(name, LT_STR("UTF8")) ? CS_UTF8 : CS_UNKNOWN;
}

static size_t put_unit(char *to, uint32_t unit, charset set)
{
    bool little = set == CS_UTF16LE;
    to[little] = (char)(unit >> 8);
    to[!little] = (char)unit;
    return 2;
}

static size_t encode_into(lt_str s, charset set, char *to)
{
    size_t at = 0;
    if (set == CS_UTF16) {
        at += put_unit(to, 0xfeff, set);
    }
    for (const char *p = s.ptr, *end = s.ptr + s.len; p < end;) {
        uint32_t code = lt_utf8_next(&p, end);
        if (set == CS_ASCII || set == CS_LATIN1) {
            to[at++] = code < (set == CS_ASCII ? 0x80u : 0x100u) ? (char)code : '?';
        } else if (code >= 0x10000) {
            at += put_unit(to + at, 0xd7c0 + (code >> 10), set);
            at += put_unit(to + at, 0xdc00 + (code & 0x3ff), set);
        } else {
            at += put_unit(to + at, code, set);
        }
    }
    return at;
}

static lt_status encode_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        charset set = charset_of(lt_k_str(k, 1, row));
        if (set == CS_UNKNOWN) {
            lt_k_null(k, row);
        } else if (set == CS_UTF8 || s.len == 0) {
            lt_k_put_view(k, row, s.ptr, s.len);
        } else {
            char *to = lt_k_bytes(k, s.len * 2 + 2);
            if (to == NULL) {
                break;
            }
            lt_k_put_view(k, row, to, encode_into(s, set, to));
        }
    }
    return LT_OK;
}

static size_t decode_utf16(lt_str s, charset set, char *to)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t at = 0, i = 0;
    bool little = set == CS_UTF16LE;
    if (set == CS_UTF16 && s.len >= 2 &&
        ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff))) {
        little = p[0] == 0xff;
        i = 2;
    }
    while (i + 1 < s.len) {
        uint32_t unit = (uint32_t)p[i + little] << 8 | p[i + !little];
        i += 2;
        if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < s.len) {
            uint32_t low = (uint32_t)p[i + little] << 8 | p[i + !little];
            if (low >= 0xdc00 && low < 0xe000) {
                unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                i += 2;
            }
        }
        at += lt_utf8_put(unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit, to + at);
    }
    if (i < s.len) {
        at += lt_utf8_put(0xfffd, to + at);
    }
    return at;
}

static lt_status decode_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        charset set = charset_of(lt_k_str(k, 1, row));
        if (set == CS_UNKNOWN) {
            lt_k_null(k, row);
            continue;
        }
        char *to = lt_k_bytes(k, s.len * 3 + 3);
        size_t at = 0;
        if (to == NULL) {
            break;
        }
        if (set >= CS_UTF16) {
            at = decode_utf16(s, set, to);
        } else if (set == CS_UTF8) {
            for (const char *p = s.ptr, *end = s.ptr + s.len; p < end;) {
                at += lt_utf8_put(lt_utf8_next(&p, end), to + at);
            }
        } else {
            for (size_t i = 0; i < s.len; i++) {
                uint32_t code = (unsigned char)s.ptr[i];
                at += lt_utf8_put(set == CS_ASCII && code >= 0x80 ? 0xfffd : code, to + at);
            }
        }
        lt_k_put_view(k, row, to, at);
    }
    return LT_OK;
}

/* ---- URLs ---- */

static lt_status url_encode_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        char *to = lt_k_bytes(k, s.len * 3);
        size_t at = 0;
        if (to == NULL) {
            break;
        }
        for (size_t i = 0; i < s.len; i++) {
            char c = s.ptr[i];
            bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '*' || c == '_';
            if (plain || c == ' ') {
                to[at++] = plain ? c : '+';
            } else {
                to[at++] = '%';
                to[at++] = upper_hex[(unsigned char)c >> 4];
                to[at++] = upper_hex[(unsigned char)c & 15];
            }
        }
        lt_k_put_view(k, row, to, at);
    }
    return LT_OK;
}

static lt_status url_decode_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        char *to = lt_k_bytes(k, s.len);
        size_t at = 0;
        bool good = true;
        if (to == NULL) {
            break;
        }
        for (size_t i = 0; good && i < s.len; i++) {
            if (s.ptr[i] != '%') {
                to[at++] = s.ptr[i] == '+' ? ' ' : s.ptr[i];
                continue;
            }
            int high = i + 2 < s.len ? hex_value(s.ptr[i + 1]) : -1;
            int low = i + 2 < s.len ? hex_value(s.ptr[i + 2]) : -1;
            good = high >= 0 && low >= 0;
            to[at++] = (char)(high * 16 + low);
            i += 2;
        }
        if (!good) {
            lt_k_null(k, row);
            continue;
        }
        lt_k_put_view(k, row, to, at);
    }
    return LT_OK;
}

typedef struct {
    lt_str protocol, authority, userinfo, host, path, query, file, ref;
    bool has_userinfo, has_query, has_ref;
} url_parts;

static size_t find_any(lt_str s, size_t from, const char *stops)
{
    while (from < s.len && (s.ptr[from] == '\0' || strchr(stops, s.ptr[from]) == NULL)) {
        from++;
    }
    return from;
}

static lt_str cut(lt_str s, size_t from, size_t to)
{
    return (lt_str){s.ptr + from, to - from};
}

/* protocol://authority/path?query#ref, as java.net.URL takes it apart. */
static bool split_url(lt_str s, url_parts *u)
{
    memset(u, 0, sizeof *u);
    size_t colon = find_any(s, 0, ":/?#");
    if (colon == 0 || colon + 2 >= s.len || s.ptr[colon] != ':' || s.ptr[colon + 1] != '/' ||
        s.ptr[colon + 2] != '/') {
        return false;
    }
    u->protocol = cut(s, 0, colon);
    static const char *const known[] = {"http", "https", "ftp", "file", "jar"};
    bool found = false;
    for (size_t i = 0; i < LT_COUNT_OF(known); i++) {
        found = found || lt_str_eq_ci(u->protocol, lt_str_of(known[i]));
    }
    if (!found) {
        return false;
    }
    size_t start = colon + 3, end = find_any(s, start, "/?#");
    u->authority = cut(s, start, end);
    size_t at = u->authority.len;
    while (at > 0 && u->authority.ptr[at - 1] != '@') {
        at--;
    }
    u->has_userinfo = at > 0;
    u->userinfo = at > 0 ? cut(u->authority, 0, at - 1) : (lt_str){"", 0};
    u->host = cut(u->authority, at, u->authority.len);
    if (u->host.len == 0 || u->host.ptr[0] != '[') {
        u->host.len = find_any(u->host, 0, ":");
    }
    size_t path_end = find_any(s, end, "?#");
    u->path = cut(s, end, path_end);
    size_t query_end = path_end;
    if (path_end < s.len && s.ptr[path_end] == '?') {
        query_end = find_any(s, path_end, "#");
        u->has_query = true;
        u->query = cut(s, path_end + 1, query_end);
    }
    u->file = cut(s, end, query_end);
    u->has_ref = query_end < s.len;
    u->ref = u->has_ref ? cut(s, query_end + 1, s.len) : (lt_str){"", 0};
    return true;
}

static bool query_value(lt_str query, lt_str key, lt_str *out)
{
    for (size_t at = 0; at <= query.len;) {
        size_t end = find_any(query, at, "&");
        if (end - at > key.len && query.ptr[at + key.len] == '=' &&
            memcmp(query.ptr + at, key.ptr, key.len) == 0) {
            *out = cut(query, at + key.len + 1, end);
            return true;
        }
        at = end + 1;
    }
    return false;
}

static bool url_part(const url_parts *u, lt_str part, lt_str *out)
{
    const struct {
        const char *name;
        lt_str value;
        bool there;
    } parts[] = {{"PROTOCOL", u->protocol, true},
                 {"AUTHORITY", u->authority, true},
                 {"USERINFO", u->userinfo, u->has_userinfo},
                 {"HOST", u->host, true},
                 {"PATH", u->path, true},
                 {"QUERY", u->query, u->has_query},
                 {"FILE", u->file, true},
                 {"REF", u->ref, u->has_ref}};
    for (size_t i = 0; i < LT_COUNT_OF(parts); i++) {
        if (lt_str_eq(part, lt_str_of(parts[i].name))) {
            *out = parts[i].value;
            return parts[i].there;
        }
    }
    return false;
}

static lt_status parse_url_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        url_parts u;
        lt_str part = lt_k_str(k, 1, row), value;
        bool good = split_url(lt_str_trim(lt_k_str(k, 0, row)), &u);
        if (k->arg_count > 2) {
            good = good && lt_str_eq(part, LT_STR("QUERY")) && u.has_query &&
                   query_value(u.query, lt_k_str(k, 2, row), &value);
        } else {
            good = good && url_part(&u, part, &value);
        }
        if (!good) {
            lt_k_null(k, row);
            continue;
        }
        lt_k_put_copy(k, row, value.ptr != NULL ? value.ptr : "", value.len);
    }
    return LT_OK;
}

/* ---- JSON string literals ---- */

static size_t put_u16(char *to, uint32_t unit)
{
    memcpy(to, "\\u", 2);
    for (int i = 0; i < 4; i++) {
        to[2 + i] = lower_hex[unit >> (12 - 4 * i) & 15];
    }
    return 6;
}

static lt_status json_quote_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    static const char plain[] = "\"\\/\b\f\n\r\t", escaped[] = "\"\\/bfnrt";
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        char *to = lt_k_bytes(k, s.len * 6 + 2);
        size_t at = 0;
        if (to == NULL) {
            break;
        }
        to[at++] = '"';
        for (const char *p = s.ptr, *end = s.ptr + s.len; p < end;) {
            uint32_t code = lt_utf8_next(&p, end);
            const char *hit = code != 0 && code < 0x80 ? strchr(plain, (int)code) : NULL;
            if (hit != NULL) {
                to[at++] = '\\';
                to[at++] = escaped[hit - plain];
            } else if (code >= 0x20 && code < 0x7f) {
                to[at++] = (char)code;
            } else if (code >= 0x10000) {
                at += put_u16(to + at, 0xd7c0 + (code >> 10));
                at += put_u16(to + at, 0xdc00 + (code & 0x3ff));
            } else {
                at += put_u16(to + at, code);
            }
        }
        to[at++] = '"';
        lt_k_put_view(k, row, to, at);
    }
    return LT_OK;
}

static bool take_u16(lt_str s, size_t at, uint32_t *unit)
{
    if (at + 4 > s.len) {
        return false;
    }
    *unit = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_value(s.ptr[at + i]);
        if (digit < 0) {
            return false;
        }
        *unit = *unit << 4 | (uint32_t)digit;
    }
    return true;
}

/* false: an escape that JSON does not know. */
static bool unescape(lt_str s, char *to, size_t *len)
{
    static const char escaped[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
    size_t at = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '\\') {
            to[at++] = s.ptr[i];
            continue;
        }
        if (++i >= s.len) {
            return false;
        }
        if (s.ptr[i] != 'u') {
            const char *hit = s.ptr[i] != '\0' ? strchr(escaped, s.ptr[i]) : NULL;
            if (hit == NULL) {
                return false;
            }
            to[at++] = plain[hit - escaped];
            continue;
        }
        uint32_t code, low;
        if (!take_u16(s, i + 1, &code)) {
            return false;
        }
        i += 4;
        if (code >= 0xd800 && code < 0xdc00 && i + 2 < s.len && s.ptr[i + 1] == '\\' &&
            s.ptr[i + 2] == 'u' && take_u16(s, i + 3, &low) && low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            i += 6;
        }
        at += lt_utf8_put(code, to + at);
    }
    *len = at;
    return true;
}

/* What is no quoted string stays as it is. */
static lt_status json_unquote_kernel(lt_kctx *k, lt_error *err)
{
    (void)err;
    LT_EACH(k, row)
    {
        lt_str s = lt_k_str(k, 0, row);
        size_t len;
        if (s.len < 2 || s.ptr[0] != '"' || s.ptr[s.len - 1] != '"') {
            lt_k_put_view(k, row, s.ptr, s.len);
            continue;
        }
        char *to = lt_k_bytes(k, s.len);
        if (to == NULL) {
            break;
        }
        if (unescape(cut(s, 1, s.len - 1), to, &len)) {
            lt_k_put_view(k, row, to, len);
        } else {
            lt_k_put_view(k, row, s.ptr, s.len);
        }
    }
    return LT_OK;
}

/* ---- typing ---- */

static const lt_simple encodings[] = {
    [LT_OP_TO_BASE64] = {"x", 'S', false, to_base64_kernel},
    [LT_OP_FROM_BASE64] = {"x", 'S', false, from_base64_kernel},
    [LT_OP_ENCODE] = {"ss", 'Y', false, encode_kernel},
    [LT_OP_DECODE] = {"ys", 'S', false, decode_kernel},
    [LT_OP_URL_ENCODE] = {"s", 'S', true, url_encode_kernel},
    [LT_OP_URL_DECODE] = {"s", 'S', true, url_decode_kernel},
    [LT_OP_PARSE_URL] = {"sss", 'S', true, parse_url_kernel},
    [LT_OP_JSON_QUOTE] = {"s", 'S', false, json_quote_kernel},
    [LT_OP_JSON_UNQUOTE] = {"s", 'S', false, json_unquote_kernel},
    [LT_OP_HASH_CODE] = {"s", 'I', false, hash_code_kernel},
};

lt_status lt_infer_encoding(lt_infer *in, lt_error *err)
{
    return lt_in_simple(in, &encodings[in->func->op], err);
}
