/* Finding a path's value in JSON text without building a tree: everything is checked as the parser
 * of jsontree.c checks it, only what the path leads through is looked at. Descends by recursion
 * along the path (32 steps at most); what lies beside it is skipped with a stack of one bit per
 * level.
 *
 * A short document takes as long as its longest chain of dependent instructions: where a string
 * ends says where the next one begins. So the quotes of the whole text are found first, as bits;
 * the next one is then known without looking at the text, and the processor works ahead. Texts with
 * control characters (line ends between the values, or errors within) and long ones look for each
 * quote. */
#include "expr/bytes.h"
#include "expr/jsonpath_int.h"

#define EVENT_WORDS 64 /* texts of up to 4 KiB */

typedef struct {
    const char *text, *end;
    const uint64_t *events; /* quotes and backslashes; NULL: not made */
    size_t words;
    const lt_json_path *path;
    lt_str hit;
} scan;

/* Where in the text (p NULL: malformed), with the events from there on. Only ever a local variable
 * whose parts stay in registers: what is not inlined takes p and finds the rest anew. */
typedef struct {
    const char *p;
    uint64_t left; /* of events[word] */
    size_t word;
} cursor;

LT_INLINE const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && LT_UNLIKELY((unsigned char)*p <= ' ') &&
           (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }
    return p;
}

/* The first quote, backslash or control character; end if there is none. */
LT_INLINE const char *string_event(const char *p, const char *end)
{
#if LT_HAVE_X86_64
    const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, back));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(x, control), x));
        unsigned bits = (unsigned)_mm_movemask_epi8(hit);
        if (bits != 0) {
            return p + LT_CTZ64((unsigned long long)bits);
        }
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20) {
        p++;
    }
    return p;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Behind a backslash. */
static const char *skip_escape(const char *p, const char *end)
{
    if (p == end || *p == '\0') {
        return NULL;
    }
    char c = *p++;
    if (c != 'u') {
        return strchr("\"\\/bfnrt", c) != NULL ? p : NULL;
    }
    if (end - p < 4 || !is_hex(p[0]) || !is_hex(p[1]) || !is_hex(p[2]) || !is_hex(p[3])) {
        return NULL;
    }
    return p + 4;
}

/* A string in which there is a backslash, from there on. */
LT_NOINLINE static const char *skip_escaped(const char *p, const char *end)
{
    while (true) {
        if (p == end || (*p != '"' && *p != '\\')) {
            return NULL;
        }
        if (*p == '"') {
            return p + 1;
        }
        p = skip_escape(p + 1, end);
        if (p == NULL) {
            return NULL;
        }
        p = string_event(p, end);
    }
}

LT_INLINE void move_to(const scan *s, cursor *c, const char *p)
{
    c->p = p;
    if (p != NULL && s->events != NULL) {
        size_t at = (size_t)(p - s->text);
        c->word = at / 64;
        c->left = c->word < s->words ? s->events[c->word] & (UINT64_MAX << at % 64) : 0;
    }
}

/* The first event from the current word on; false: none. */
LT_INLINE bool next_event(const scan *s, cursor *c)
{
    while (LT_UNLIKELY(c->left == 0)) {
        if (++c->word >= s->words) {
            return false;
        }
        c->left = s->events[c->word];
    }
    return true;
}

/* From the opening quote to behind the closing one. */
LT_INLINE void skip_string(const scan *s, cursor *c, bool *escaped)
{
    const char *p = s->end;
    *escaped = false;
    if (LT_UNLIKELY(s->events == NULL)) {
        p = string_event(c->p + 1, s->end);
    } else if (next_event(s, c)) { /* the opening quote itself */
        c->left &= c->left - 1;
        if (next_event(s, c)) {
            p = s->text + c->word * 64 + LT_CTZ64(c->left);
            c->left &= c->left - 1;
        }
    }
    if (LT_LIKELY(p < s->end && *p == '"')) {
        c->p = p + 1;
    } else {
        *escaped = true;
        move_to(s, c, skip_escaped(p, s->end));
    }
}

LT_INLINE bool is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

/* One digit at least. */
LT_INLINE const char *skip_digits(const char *p, const char *end)
{
    const char *from = p;
    while (p < end && is_digit(*p)) {
        p++;
    }
    return p > from ? p : NULL;
}

LT_INLINE const char *skip_number(const char *p, const char *end)
{
    p += *p == '-';
    const char *digits = p;
    p = skip_digits(p, end);
    if (p == NULL || (*digits == '0' && p - digits > 1)) {
        return NULL;
    }
    if (p < end && *p == '.') {
        p = skip_digits(p + 1, end);
    }
    if (p != NULL && p < end && (*p | 0x20) == 'e') {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        p = skip_digits(p, end);
    }
    return p;
}

LT_INLINE const char *skip_word(const char *p, const char *end, const char *word, size_t len)
{
    return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

/* Past a mark (`,` or `:`) and blanks, to what follows; malformed when there is something else, or
 * nothing behind it. Mostly there is one blank or none: two branches that are easy to foresee. */
LT_INLINE void skip_mark(const scan *s, cursor *c, const char mark)
{
    const char *p = c->p;
    if (LT_LIKELY(s->end - p >= 3 && *p == mark)) {
        if ((unsigned char)p[1] > ' ') {
            c->p = p + 1;
            return;
        }
        if (p[1] == ' ' && (unsigned char)p[2] > ' ') {
            c->p = p + 2;
            return;
        }
    }
    p = skip_blanks(p, s->end);
    if (p == s->end || *p != mark) {
        c->p = NULL;
        return;
    }
    p = skip_blanks(p + 1, s->end);
    c->p = p < s->end ? p : NULL;
}

/* Behind a value of an array or an object: to the next one, or behind the closing bracket (true).
 */
LT_INLINE bool skip_between(const scan *s, cursor *c, const char close)
{
    if (LT_UNLIKELY(c->p == s->end || *c->p != ',')) {
        const char *p = skip_blanks(c->p, s->end);
        if (p < s->end && *p == close) {
            c->p = p + 1;
            return true;
        }
    }
    skip_mark(s, c, ',');
    return false;
}

/* A value that is no array and no object. */
LT_INLINE void skip_scalar(const scan *s, cursor *c)
{
    bool escaped;
    const char *p = c->p, *end = s->end;
    if (*p == '"') {
        skip_string(s, c, &escaped);
        return;
    }
    switch (*p) {
    case 't':
        c->p = skip_word(p, end, "true", 4);
        break;
    case 'f':
        c->p = skip_word(p, end, "false", 5);
        break;
    case 'n':
        c->p = skip_word(p, end, "null", 4);
        break;
    default:
        c->p = skip_number(p, end);
        break;
    }
}

/* A member's name, from its quote on, and past the colon to the value; *name without the quotes. */
LT_INLINE void take_name(const scan *s, cursor *c, lt_str *name, bool *escaped)
{
    const char *from = c->p + 1;
    if (*c->p != '"') {
        c->p = NULL;
        return;
    }
    skip_string(s, c, escaped);
    if (LT_LIKELY(c->p != NULL)) {
        *name = (lt_str){from, (size_t)(c->p - 1 - from)};
        skip_mark(s, c, ':');
    }
}

/* The brackets that are open, one bit each: is it an object? */
typedef struct {
    uint64_t objects[(LT_JSON_DEPTH_MAX + 63) / 64];
} levels;

/* Past an opening bracket. Does an item follow (else the closing bracket was passed too)? */
LT_INLINE bool enter(const scan *s, cursor *c, const char close)
{
    const char *p = skip_blanks(c->p + 1, s->end);
    bool closed = p < s->end && *p == close;
    c->p = p == s->end ? NULL : p + closed;
    return !closed;
}

/* An array or an object, from its bracket on, at `floor` open ones. */
LT_NOINLINE static const char *skip_nested(const scan *s, const char *p, const uint32_t floor)
{
    LT_UNINITIALIZED levels open;
    uint32_t depth = floor;
    bool object = false, escaped;
    lt_str name;
    cursor c = {0};
    move_to(s, &c, p);
    while (true) {
        bool closed = false, item = false; /* behind a closing bracket, or on an item? */
        if (*c.p == '{' || *c.p == '[') {
            object = *c.p == '{';
            uint64_t bit = UINT64_C(1) << depth % 64, *word = &open.objects[depth / 64];
            *word = (depth % 64 == 0 || depth == floor ? 0 : *word & ~bit) | (object ? bit : 0);
            depth++;
            item = enter(s, &c, object ? '}' : ']');
            closed = !item;
        } else {
            skip_scalar(s, &c);
        }
        while (!item) {
            if (c.p == NULL) {
                return NULL;
            }
            if (closed) {
                if (--depth == floor) {
                    return c.p;
                }
                object = (open.objects[(depth - 1) / 64] >> (depth - 1) % 64 & 1) != 0;
            }
            closed = skip_between(s, &c, object ? '}' : ']');
            item = !closed;
        }
        if (c.p != NULL && object) {
            take_name(s, &c, &name, &escaped);
        }
        if (c.p == NULL || depth >= LT_JSON_DEPTH_MAX) {
            return NULL;
        }
    }
}

/* A whole value; p stands on its first byte. */
LT_INLINE void skip_value(const scan *s, cursor *c, uint32_t depth)
{
    if (*c->p == '{' || *c->p == '[') {
        move_to(s, c, skip_nested(s, c->p, depth));
    } else {
        skip_scalar(s, c);
    }
}

static const char *scan_step(scan *s, const char *p, uint32_t step);

LT_INLINE bool same_name(lt_str name, bool escaped, lt_str key)
{
    return LT_UNLIKELY(escaped) ? lt_json_name_is(name, key)
                                : name.len == key.len && lt_bytes_equal(name.ptr, key.ptr, key.len);
}

/* From the opening bracket of what the step looks into. Of equal names the last counts. */
LT_INLINE const char *scan_items(scan *s, const char *p, uint32_t step, const bool object)
{
    const lt_json_step *want = &s->path->steps[step];
    const char close = object ? '}' : ']';
    cursor c = {0};
    move_to(s, &c, p);
    if (!enter(s, &c, close)) {
        return c.p;
    }
    for (int64_t index = 0; c.p != NULL; index++) {
        bool match = index == want->from;
        if (object) {
            lt_str name = {NULL, 0};
            bool escaped = false;
            take_name(s, &c, &name, &escaped);
            if (c.p == NULL) {
                break;
            }
            match = same_name(name, escaped, want->key);
        }
        if (LT_UNLIKELY(match)) {
            s->hit = (lt_str){NULL, 0};
            move_to(s, &c, scan_step(s, c.p, step + 1));
        } else {
            skip_value(s, &c, step + 1);
        }
        if (c.p == NULL || skip_between(s, &c, close)) {
            break;
        }
    }
    return c.p;
}

/* The value that `step` steps lead to; p stands on its first byte. Each step is one level down. */
static const char *scan_step(scan *s, const char *p, uint32_t step)
{
    bool found = step == s->path->count;
    bool by_name = !found && s->path->steps[step].kind == LT_STEP_KEYS;
    if (!found && *p == (by_name ? '{' : '[')) {
        return by_name ? scan_items(s, p, step, true) : scan_items(s, p, step, false);
    }
    cursor c = {0};
    move_to(s, &c, p);
    skip_value(s, &c, step);
    if (found) {
        s->hit = (lt_str){p, c.p != NULL ? (size_t)(c.p - p) : 0};
    }
    return c.p;
}

bool lt_json_path_scans(const lt_json_path *path)
{
    for (uint32_t i = 0; i < path->count; i++) {
        const lt_json_step *step = &path->steps[i];
        bool index = step->kind == LT_STEP_INDEXES && step->from >= 0;
        if (step->deep || step->count != 1 || (step->kind != LT_STEP_KEYS && !index)) {
            return false;
        }
    }
    return true;
}

/* ---- quotes and backslashes as bits ---- */

#if LT_HAVE_X86_64
/* 64 bytes; *control gathers the control characters. */
LT_INLINE uint64_t events_of(const char *p, __m128i *control)
{
    const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\');
    uint64_t events = 0;
    for (unsigned i = 0; i < 64; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, back));
        events |= (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << i;
        *control = _mm_or_si128(*control, _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x));
    }
    return events;
}

/* false: there are control characters. */
static bool find_events(scan *s, uint64_t *events)
{
    size_t len = (size_t)(s->end - s->text), whole = len / 64;
    __m128i control = _mm_setzero_si128();
    for (size_t i = 0; i < whole; i++) {
        events[i] = events_of(s->text + i * 64, &control);
    }
    s->words = whole;
    if (len % 64 > 0) {
        char last[64];
        memset(last, ' ', sizeof last);
        memcpy(last, s->text + whole * 64, len % 64);
        events[s->words++] = events_of(last, &control);
    }
    s->events = events;
    return _mm_movemask_epi8(control) == 0;
}
#else
static bool find_events(scan *s, uint64_t *events)
{
    (void)s;
    (void)events;
    return false;
}
#endif

bool lt_json_scan(lt_str text, const lt_json_path *path, lt_str *hit)
{
    LT_UNINITIALIZED uint64_t events[EVENT_WORDS];
    scan s = {.text = text.ptr, .end = text.ptr + text.len, .path = path};
    *hit = (lt_str){NULL, 0};
    if (text.len == 0) {
        return false;
    }
    if (text.len > sizeof events * 8 || !find_events(&s, events)) {
        s.events = NULL;
    }
    const char *p = skip_blanks(text.ptr, s.end);
    const char *behind = p < s.end ? scan_step(&s, p, 0) : NULL;
    *hit = s.hit;
    bool word = p < s.end && *p != '{' && *p != '[' && *p != '"';
    if (behind != NULL && word && behind < s.end && strchr(" \t\r\n", *behind) == NULL) {
        return false; /* `1-2`, `true1`: a number or a word ends at a blank */
    }
    return behind != NULL;
}
