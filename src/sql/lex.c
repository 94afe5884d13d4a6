/* Lexical rules of Flink SQL (Calcite's, with back quotes for identifiers).
 *
 * The lexer never fails on bad text: it emits LT_TOK_BAD and stops there, and the parser reports it
 * when it arrives at it. Bytes from 0x80 on count as letters, so names in any script work; invalid
 * UTF-8 is bad text. */
#include "sql/lex.h"

#include "base/assert.h"

typedef struct {
    lt_arena *arena;
    lt_str text;
    size_t at;
    lt_lexed out;
    uint32_t cap;
    bool in_hint;
} lexer;

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

static bool is_letter(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' || ch == '$' ||
           (unsigned char)ch >= 0x80;
}

static bool is_blank(char ch)
{
    return ch == ' ' || (ch >= '\t' && ch <= '\r');
}

static int hex_value(char ch)
{
    if (is_digit(ch)) {
        return ch - '0';
    }
    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }
    if (ch >= 'A' && ch <= 'F') {
        return ch - 'A' + 10;
    }
    return -1;
}

/* '\0' past the end; no rule accepts a NUL byte outside quotes, so the two need no telling apart.
 */
static char peek(const lexer *lx, size_t ahead)
{
    return lx->at + ahead < lx->text.len ? lx->text.ptr[lx->at + ahead] : '\0';
}

/* Length of the UTF-8 sequence at ptr, 0 when invalid. */
static size_t utf8_length(const unsigned char *ptr, size_t len)
{
    unsigned char lead = ptr[0];
    size_t need = lead < 0x80                   ? 1
                  : lead >= 0xC2 && lead < 0xE0 ? 2
                  : lead >= 0xE0 && lead < 0xF0 ? 3
                  : lead >= 0xF0 && lead < 0xF5 ? 4
                                                : 0;
    if (need == 0 || need > len) {
        return 0;
    }
    for (size_t i = 1; i < need; i++) {
        if ((ptr[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (lead == 0xE0 && ptr[1] < 0xA0) || (lead == 0xF0 && ptr[1] < 0x90);
    bool beyond = (lead == 0xED && ptr[1] >= 0xA0) || (lead == 0xF4 && ptr[1] >= 0x90);
    return overlong || beyond ? 0 : need;
}

/* Offset of the first invalid byte, or len. */
static size_t utf8_check(lt_str text)
{
    const unsigned char *ptr = (const unsigned char *)text.ptr;
    size_t at = 0;
    while (at < text.len) {
        size_t step = utf8_length(ptr + at, text.len - at);
        if (step == 0) {
            return at;
        }
        at += step;
    }
    return at;
}

static bool emit(lexer *lx, lt_token_kind kind, size_t start)
{
    if (lx->out.count == lx->cap) {
        uint32_t cap = lx->cap ? lx->cap * 2 : 64;
        lt_token *items = LT_NEW_ARRAY(lx->arena, lt_token, cap);
        if (!items) {
            return false;
        }
        if (lx->out.count > 0) {
            memcpy(items, lx->out.items, lx->out.count * sizeof *items);
        }
        lx->out.items = items;
        lx->cap = cap;
    }
    lt_token *token = &lx->out.items[lx->out.count++];
    token->kind = (uint8_t)kind;
    token->keyword = LT_KEYWORD_NOT;
    token->pos = (uint32_t)start;
    token->len = (uint32_t)(lx->at - start);
    return true;
}

/* Ends the text with a BAD token at start. */
static bool bad(lexer *lx, size_t start, const char *why)
{
    lx->out.bad = why;
    lx->at = lx->text.len;
    return emit(lx, LT_TOK_BAD, start);
}

/* Skips blanks and comments; false when a comment does not end. */
static bool skip_space(lexer *lx)
{
    for (;;) {
        char ch = peek(lx, 0);
        if (lx->at >= lx->text.len) {
            return true;
        }
        if (is_blank(ch)) {
            lx->at++;
        } else if ((ch == '-' && peek(lx, 1) == '-') || (ch == '/' && peek(lx, 1) == '/')) {
            while (lx->at < lx->text.len && peek(lx, 0) != '\n') {
                lx->at++;
            }
        } else if (ch == '/' && peek(lx, 1) == '*' && peek(lx, 2) != '+') {
            size_t end = lx->at + 2;
            while (end + 1 < lx->text.len &&
                   !(lx->text.ptr[end] == '*' && lx->text.ptr[end + 1] == '/')) {
                end++;
            }
            if (end + 1 >= lx->text.len) {
                return false;
            }
            lx->at = end + 2;
        } else {
            return true;
        }
    }
}

/* Moves behind a quoted run whose opening quote is at `at`; the quote doubles to escape itself. */
static bool skip_quoted(lexer *lx, char quote, bool backslash)
{
    for (lx->at++; lx->at < lx->text.len; lx->at++) {
        char ch = lx->text.ptr[lx->at];
        if (backslash && ch == '\\') {
            lx->at++;
        } else if (ch == quote) {
            if (peek(lx, 1) != quote) {
                lx->at++;
                return true;
            }
            lx->at++;
        }
    }
    lx->at = lx->text.len;
    return false;
}

static bool lex_string(lexer *lx, size_t start, lt_token_kind kind)
{
    if (!skip_quoted(lx, '\'', kind == LT_TOK_STRING_ESCAPED)) {
        return bad(lx, start, "the string that starts here has no closing quote");
    }
    return emit(lx, kind, start);
}

static bool lex_binary(lexer *lx, size_t start)
{
    lx->at++;
    size_t digits = 0;
    while (hex_value(peek(lx, 1)) >= 0) {
        lx->at++;
        digits++;
    }
    lx->at++;
    if (peek(lx, 0) != '\'') {
        return bad(lx, start, "a binary literal holds only hexadecimal digits: x'48656C'");
    }
    lx->at++;
    if (digits % 2 != 0) {
        return bad(lx, start, "a binary literal needs an even number of hexadecimal digits");
    }
    return emit(lx, LT_TOK_BINARY, start);
}

/* Length of an introducer such as _utf8 in front of a quote, 0 when there is none. */
static size_t charset_length(const lexer *lx)
{
    if ((peek(lx, 0) == 'n' || peek(lx, 0) == 'N') && peek(lx, 1) == '\'') {
        return 1;
    }
    if (peek(lx, 0) != '_') {
        return 0;
    }
    size_t len = 1;
    for (;; len++) {
        char ch = peek(lx, len);
        bool plain = is_digit(ch) || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        if (!plain && (len == 1 || (ch != ':' && ch != '.' && ch != '-' && ch != '_'))) {
            break;
        }
    }
    return len > 1 && peek(lx, len) == '\'' ? len : 0;
}

static bool lex_word(lexer *lx)
{
    size_t start = lx->at;
    char first = peek(lx, 0);
    if ((first == 'u' || first == 'U') && peek(lx, 1) == '&' && peek(lx, 2) == '\'') {
        lx->at += 2;
        return lex_string(lx, start, LT_TOK_STRING_UNICODE);
    }
    if ((first == 'e' || first == 'E') && peek(lx, 1) == '\'') {
        lx->at++;
        return lex_string(lx, start, LT_TOK_STRING_ESCAPED);
    }
    if ((first == 'x' || first == 'X') && peek(lx, 1) == '\'') {
        return lex_binary(lx, start);
    }
    size_t charset = charset_length(lx);
    if (charset > 0) {
        lx->at += charset;
        return lex_string(lx, start, LT_TOK_STRING_CHARSET);
    }
    while (is_letter(peek(lx, 0)) || is_digit(peek(lx, 0))) {
        lx->at++;
    }
    lt_str word = {lx->text.ptr + start, lx->at - start};
    if (lt_str_eq(word, LT_STR("$"))) {
        return emit(lx, LT_TOK_DOLLAR, start);
    }
    if (!emit(lx, LT_TOK_WORD, start)) {
        return false;
    }
    lx->out.items[lx->out.count - 1].keyword = (uint16_t)lt_keyword_find(word);
    return true;
}

static bool lex_number(lexer *lx)
{
    size_t start = lx->at;
    lt_token_kind kind = LT_TOK_INTEGER;
    while (is_digit(peek(lx, 0))) {
        lx->at++;
    }
    if (peek(lx, 0) == '.') {
        kind = LT_TOK_DECIMAL;
        lx->at++;
        while (is_digit(peek(lx, 0))) {
            lx->at++;
        }
    }
    if (peek(lx, 0) == 'e' || peek(lx, 0) == 'E') {
        size_t sign = peek(lx, 1) == '+' || peek(lx, 1) == '-' ? 1 : 0;
        if (is_digit(peek(lx, 1 + sign))) {
            kind = LT_TOK_DOUBLE;
            lx->at += 1 + sign;
            while (is_digit(peek(lx, 0))) {
                lx->at++;
            }
        }
    }
    return emit(lx, kind, start);
}

typedef struct {
    char text[4];
    uint8_t len;
    uint8_t kind;
} op_row;

/* Longest first. */
static const op_row ops[] = {
    {"/*+", 3, LT_TOK_HINT_BEGIN}, {"<>", 2, LT_TOK_NE},       {"!=", 2, LT_TOK_BANG_EQ},
    {"<=", 2, LT_TOK_LE},          {">=", 2, LT_TOK_GE},       {"=>", 2, LT_TOK_ARROW},
    {"||", 2, LT_TOK_CONCAT},      {"(", 1, LT_TOK_LPAREN},    {")", 1, LT_TOK_RPAREN},
    {"[", 1, LT_TOK_LBRACKET},     {"]", 1, LT_TOK_RBRACKET},  {"{", 1, LT_TOK_LBRACE},
    {"}", 1, LT_TOK_RBRACE},       {";", 1, LT_TOK_SEMICOLON}, {",", 1, LT_TOK_COMMA},
    {".", 1, LT_TOK_DOT},          {"*", 1, LT_TOK_STAR},      {"+", 1, LT_TOK_PLUS},
    {"-", 1, LT_TOK_MINUS},        {"/", 1, LT_TOK_SLASH},     {"%", 1, LT_TOK_PERCENT},
    {"=", 1, LT_TOK_EQ},           {"<", 1, LT_TOK_LT},        {">", 1, LT_TOK_GT},
    {":", 1, LT_TOK_COLON},        {"?", 1, LT_TOK_QUESTION},  {"|", 1, LT_TOK_BAR},
    {"^", 1, LT_TOK_CARET},
};

static bool lex_op(lexer *lx)
{
    size_t start = lx->at;
    size_t left = lx->text.len - start;
    if (lx->in_hint && left >= 2 && memcmp(lx->text.ptr + start, "*/", 2) == 0) {
        lx->in_hint = false;
        lx->at += 2;
        return emit(lx, LT_TOK_HINT_END, start);
    }
    for (size_t i = 0; i < LT_COUNT_OF(ops); i++) {
        if (left >= ops[i].len && memcmp(lx->text.ptr + start, ops[i].text, ops[i].len) == 0) {
            lx->in_hint = lx->in_hint || ops[i].kind == LT_TOK_HINT_BEGIN;
            lx->at += ops[i].len;
            return emit(lx, (lt_token_kind)ops[i].kind, start);
        }
    }
    if (lx->text.ptr[start] == '"') {
        return bad(lx, start,
                   "double quotes mean nothing in Flink SQL: write `name` for a name, 'text' for a "
                   "string");
    }
    return bad(lx, start, "this character means nothing here");
}

static bool lex_next(lexer *lx)
{
    size_t start = lx->at;
    char ch = lx->text.ptr[start];
    if (is_letter(ch)) {
        return lex_word(lx);
    }
    if (is_digit(ch) || (ch == '.' && is_digit(peek(lx, 1)))) {
        return lex_number(lx);
    }
    if (ch == '\'') {
        return lex_string(lx, start, LT_TOK_STRING);
    }
    if (ch == '`') {
        if (!skip_quoted(lx, '`', false)) {
            return bad(lx, start, "the name that starts here has no closing back quote");
        }
        if (lx->at - start == 2) {
            return bad(lx, start, "a name cannot be empty");
        }
        return emit(lx, LT_TOK_QUOTED, start);
    }
    return lex_op(lx);
}

lt_status lt_lex(lt_lexed *out, lt_arena *arena, lt_str text, lt_error *err)
{
    lexer lx = {.arena = arena, .text = text};
    if (text.len > (size_t)1 << 30) {
        return lt_error_set(err, LT_ERR_LIMIT, "the SQL text is longer than 1 GiB");
    }
    size_t valid = utf8_check(text);
    lx.text.len = valid;
    /* Told first: where a character is broken, quotes may seem to be missing. */
    bool ok = valid == text.len || bad(&lx, valid, "this is not valid UTF-8");
    while (ok && !lx.out.bad) {
        if (!skip_space(&lx)) {
            ok = bad(&lx, lx.at, "the comment that starts here has no end");
        } else if (lx.at >= lx.text.len) {
            break;
        } else {
            ok = lex_next(&lx);
        }
    }
    if (!ok || !emit(&lx, LT_TOK_END, lx.at)) {
        return lt_error_nomem(err, "SQL tokens");
    }
    *out = lx.out;
    return LT_OK;
}

/* ---- values of strings -------------------------------------------------------------------------
 */

typedef struct {
    const char *from;
    const char *end;
    char *to;
    uint32_t high; /* the first half of a surrogate pair, 0 when none is waiting */
    const char *why;
} decoder;

static void put_utf8(decoder *dec, uint32_t code)
{
    if (code < 0x80) {
        *dec->to++ = (char)code;
    } else if (code < 0x800) {
        *dec->to++ = (char)(0xC0 | (code >> 6));
        *dec->to++ = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *dec->to++ = (char)(0xE0 | (code >> 12));
        *dec->to++ = (char)(0x80 | ((code >> 6) & 0x3F));
        *dec->to++ = (char)(0x80 | (code & 0x3F));
    } else {
        *dec->to++ = (char)(0xF0 | (code >> 18));
        *dec->to++ = (char)(0x80 | ((code >> 12) & 0x3F));
        *dec->to++ = (char)(0x80 | ((code >> 6) & 0x3F));
        *dec->to++ = (char)(0x80 | (code & 0x3F));
    }
}

static bool put_code(decoder *dec, uint32_t code)
{
    bool is_low = code >= 0xDC00 && code < 0xE000;
    if (dec->high != 0) {
        if (!is_low) {
            dec->why = "a surrogate pair in this string is incomplete";
            return false;
        }
        code = 0x10000 + ((dec->high - 0xD800) << 10) + (code - 0xDC00);
        dec->high = 0;
    } else if (code >= 0xD800 && code < 0xDC00) {
        dec->high = code;
        return true;
    } else if (is_low || code > 0x10FFFF) {
        dec->why = "an escape in this string is not a Unicode character";
        return false;
    }
    put_utf8(dec, code);
    return true;
}

/* Reads min..max digits of the base (8 or 16). */
static bool take_code(decoder *dec, int base, int min, int max, uint32_t *code)
{
    int count = 0;
    *code = 0;
    while (count < max && dec->from < dec->end) {
        int digit = hex_value(*dec->from);
        if (digit < 0 || digit >= base) {
            break;
        }
        *code = *code * (uint32_t)base + (uint32_t)digit;
        dec->from++;
        count++;
    }
    if (count < min) {
        dec->why = base == 8 ? "an octal escape in this string is incomplete"
                             : "a Unicode escape in this string needs more hexadecimal digits";
        return false;
    }
    return true;
}

/* One escape of E'..', behind the backslash. */
static bool take_escape(decoder *dec)
{
    uint32_t code = 0;
    char ch = *dec->from;
    if (ch >= '0' && ch <= '7') {
        return take_code(dec, 8, 1, 3, &code) && put_code(dec, code);
    }
    dec->from++;
    switch (ch) {
    case 'b':
        return put_code(dec, '\b');
    case 'f':
        return put_code(dec, '\f');
    case 'n':
        return put_code(dec, '\n');
    case 'r':
        return put_code(dec, '\r');
    case 't':
        return put_code(dec, '\t');
    case 'x':
        return take_code(dec, 16, 1, 2, &code) && put_code(dec, code);
    case 'u':
        return take_code(dec, 16, 4, 4, &code) && put_code(dec, code);
    case 'U':
        return take_code(dec, 16, 8, 8, &code) && put_code(dec, code);
    default:
        /* any other character stands for itself; its further bytes follow as plain text */
        *dec->to++ = ch;
        return true;
    }
}

static bool decode(decoder *dec, lt_token_kind kind, char escape)
{
    while (dec->from < dec->end) {
        char ch = *dec->from++;
        bool escapes = kind == LT_TOK_STRING_ESCAPED
                           ? ch == '\\'
                           : kind == LT_TOK_STRING_UNICODE && ch == escape;
        if (escapes && dec->from < dec->end && kind == LT_TOK_STRING_ESCAPED) {
            if (!take_escape(dec)) {
                return false;
            }
            continue;
        }
        if (escapes && !(dec->from < dec->end && *dec->from == escape)) {
            uint32_t code = 0;
            if (!take_code(dec, 16, 4, 4, &code) || !put_code(dec, code)) {
                return false;
            }
            continue;
        }
        if (dec->high != 0) {
            dec->why = "a surrogate pair in this string is incomplete";
            return false;
        }
        if (ch == '\'' || escapes) {
            dec->from++; /* doubled */
        }
        *dec->to++ = ch;
    }
    if (dec->high != 0) {
        dec->why = "a surrogate pair in this string is incomplete";
        return false;
    }
    return true;
}

bool lt_lex_string(lt_str *out, lt_arena *arena, const lt_token *token, lt_str text, char escape,
                   const char **why)
{
    const char *start = text.ptr + token->pos;
    const char *end = start + token->len - 1; /* the closing quote */
    *why = NULL;
    while (*start != '\'') {
        start++;
    }
    start++;
    size_t len = (size_t)(end - start);
    bool plain = token->kind == LT_TOK_STRING || token->kind == LT_TOK_STRING_CHARSET;
    if (plain && (len == 0 || !memchr(start, '\'', len))) {
        *out = (lt_str){start, len};
        return true;
    }
    /* No escape grows: the shortest for n bytes of UTF-8 is longer than n. */
    char *to = lt_arena_alloc(arena, len + 1, 1);
    if (!to) {
        return false;
    }
    decoder dec = {.from = start, .end = end, .to = to};
    if (!decode(&dec, (lt_token_kind)token->kind, escape ? escape : '\\')) {
        *why = dec.why;
        return false;
    }
    LT_ASSERT((size_t)(dec.to - to) <= len);
    *out = (lt_str){to, (size_t)(dec.to - to)};
    return true;
}

lt_str lt_lex_quoted(lt_arena *arena, const lt_token *token, lt_str text)
{
    lt_str inner = {text.ptr + token->pos + 1, token->len - 2};
    if (!memchr(inner.ptr, '`', inner.len)) {
        return inner;
    }
    char *to = lt_arena_alloc(arena, inner.len, 1);
    if (!to) {
        return (lt_str){NULL, 0};
    }
    size_t len = 0;
    for (size_t i = 0; i < inner.len; i++) {
        to[len++] = inner.ptr[i];
        if (inner.ptr[i] == '`') {
            i++;
        }
    }
    return (lt_str){to, len};
}
