/* The walk over the tree: NULLs, failures, laziness. */
#include "ref.h"

#include <math.h>
#include <string.h>

#define MEMORY ((size_t)48 << 20)

static _Alignas(16) char memory[MEMORY];
static size_t used;

void *ref_alloc(size_t size)
{
    used = (used + 15) & ~(size_t)15;
    if (used + size > MEMORY) {
        __builtin_trap();
    }
    void *out = memory + used;
    used += size;
    memset(out, 0, size);
    return out;
}

size_t ref_mark(void)
{
    return used;
}

void ref_release(size_t mark)
{
    used = mark;
}

ref_val ref_fail(void)
{
    return (ref_val){.failed = true};
}

ref_val ref_null(void)
{
    return (ref_val){.null = true};
}

ref_val ref_bool(bool value)
{
    return (ref_val){.i = value};
}

ref_val ref_int(int64_t value)
{
    return (ref_val){.i = value};
}

ref_val ref_str(const char *s, size_t len)
{
    return (ref_val){.s = s, .len = len};
}

int64_t ref_wrap(ref_kind kind, int64_t value)
{
    int bits = kind == REF_TINY ? 8 : kind == REF_SMALL ? 16 : kind == REF_INT ? 32 : 64;
    if (bits == 64) {
        return value;
    }
    int64_t range = (int64_t)1 << bits, half = range / 2;
    value %= range;
    return value >= half ? value - range : value < -half ? value + range : value;
}

static double as_double(ref_type type, const ref_val *v)
{
    return type.kind == REF_DOUBLE ? v->d
           : type.kind == REF_DEC  ? ref_dec_double(v, type.scale)
                                   : (double)v->i;
}

static int compare_decimals(ref_type a_type, const ref_val *a, ref_type b_type, const ref_val *b)
{
    ref_big x = ref_big_of(a_type.kind == REF_DEC ? a->wide : a->i);
    ref_big y = ref_big_of(b_type.kind == REF_DEC ? b->wide : b->i);
    int sa = a_type.kind == REF_DEC ? a_type.scale : 0,
        sb = b_type.kind == REF_DEC ? b_type.scale : 0;
    int scale = sa > sb ? sa : sb;
    x = ref_big_rescale(&x, sa, scale);
    y = ref_big_rescale(&y, sb, scale);
    return ref_big_compare(&x, &y);
}

int ref_compare(ref_type a_type, const ref_val *a, ref_type b_type, const ref_val *b)
{
    if (a_type.kind == REF_STR) {
        size_t len = a->len < b->len ? a->len : b->len;
        int order = len > 0 ? memcmp(a->s, b->s, len) : 0;
        return order != 0 ? (order < 0 ? -1 : 1) : a->len < b->len ? -1 : a->len > b->len;
    }
    if (a_type.kind == REF_TS) {
        return a->i != b->i          ? (a->i < b->i ? -1 : 1)
               : a->nanos < b->nanos ? -1
                                     : a->nanos > b->nanos;
    }
    if (a_type.kind == REF_DOUBLE || b_type.kind == REF_DOUBLE) {
        double x = as_double(a_type, a), y = as_double(b_type, b);
        return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2; /* 2: NaN */
    }
    if (a_type.kind == REF_DEC || b_type.kind == REF_DEC) {
        return compare_decimals(a_type, a, b_type, b);
    }
    return a->i < b->i ? -1 : a->i > b->i;
}

static ref_val eval_logic(const ref_node *node, const ref_val *row)
{
    bool decides = node->lazy == REF_OR, unknown = false;
    for (int i = 0; i < node->count; i++) {
        ref_val v = ref_eval(node->args[i], row);
        if (v.failed) {
            return v;
        }
        if (!v.null && (v.i != 0) == decides) {
            return ref_bool(decides);
        }
        unknown = unknown || v.null;
    }
    return unknown ? ref_null() : ref_bool(!decides);
}

static ref_val eval_case(const ref_node *node, const ref_val *row)
{
    int i = 0;
    for (; i + 1 < node->count; i += 2) {
        ref_val condition = ref_eval(node->args[i], row);
        if (condition.failed) {
            return condition;
        }
        if (!condition.null && condition.i != 0) {
            return ref_eval(node->args[i + 1], row);
        }
    }
    return ref_eval(node->args[i], row);
}

static ref_val eval_coalesce(const ref_node *node, const ref_val *row)
{
    ref_val v = ref_null();
    for (int i = 0; i < node->count; i++) {
        v = ref_eval(node->args[i], row);
        if (v.failed || !v.null) {
            return v;
        }
    }
    return v;
}

/* Is its type NOT NULL? Then IS NULL is decided when planned, and nothing fails. */
static bool never_null(const ref_node *node)
{
    if (node->sql == NULL) {
        return node->column < 0;
    }
    if (node->lazy == REF_IS || node->lazy == REF_DISTINCT) {
        return true;
    }
    if (node->lazy == REF_TRY || node->lazy == REF_NULLIF) {
        return false;
    }
    bool all = true, any = false;
    for (int i = 0; i < node->count; i++) {
        bool value = node->lazy != REF_CASE || i % 2 == 1 || i == node->count - 1;
        all = all && (!value || never_null(node->args[i]));
        any = any || never_null(node->args[i]);
    }
    return node->lazy == REF_COALESCE ? any : all;
}

static ref_val eval_is(const ref_node *node, const ref_val *row)
{
    ref_val v = ref_eval(node->args[0], row);
    if ((node->extra & 3) % 3 == 0 && never_null(node->args[0])) {
        return ref_bool((node->extra & 4) != 0);
    }
    if (v.failed) {
        return v;
    }
    bool truth = v.null;
    switch (node->extra & 3) {
    case 1:
        truth = !v.null && v.i != 0;
        break;
    case 2:
        truth = !v.null && v.i == 0;
        break;
    default:
        break;
    }
    return ref_bool(truth != ((node->extra & 4) != 0));
}

static ref_val eval_two(const ref_node *node, const ref_val *row)
{
    ref_val a = ref_eval(node->args[0], row), b = ref_eval(node->args[1], row);
    if (a.failed || b.failed) {
        return ref_fail();
    }
    bool equal =
        !a.null && !b.null && ref_compare(node->args[0]->type, &a, node->args[1]->type, &b) == 0;
    if (node->lazy == REF_NULLIF) {
        return equal ? ref_null() : a;
    }
    bool same = a.null || b.null ? a.null == b.null : equal;
    return ref_bool(same == (node->extra == 1));
}

static ref_val eval_in(const ref_node *node, const ref_val *row)
{
    ref_val x = ref_eval(node->args[0], row);
    bool unknown = false;
    if (x.failed) {
        return x;
    }
    for (int i = 1; i < node->count; i++) {
        ref_val item = ref_eval(node->args[i], row);
        if (item.failed) {
            return item;
        }
        if (x.null || item.null) {
            unknown = true;
        } else if (ref_compare(node->args[0]->type, &x, node->args[i]->type, &item) == 0) {
            return ref_bool(node->extra == 0);
        }
    }
    return unknown ? ref_null() : ref_bool(node->extra == 1);
}

/* Three-valued: one bound that is missed decides, whatever the other is. */
static ref_val eval_between(const ref_node *node, const ref_val *row)
{
    ref_val x = ref_eval(node->args[0], row);
    bool unknown = x.null, outside = false;
    if (x.failed) {
        return x;
    }
    for (int i = 1; i <= 2 && !outside; i++) {
        ref_val bound = ref_eval(node->args[i], row);
        if (bound.failed) {
            return bound;
        }
        if (x.null || bound.null) {
            unknown = true;
            continue;
        }
        int order = ref_compare(node->args[0]->type, &x, node->args[i]->type, &bound);
        outside = i == 1 ? order < 0 || order == 2 : order > 0;
    }
    return outside ? ref_bool(node->extra == 1) : unknown ? ref_null() : ref_bool(node->extra == 0);
}

static ref_val eval_concat_ws(const ref_node *node, const ref_val *row)
{
    ref_val v[6];
    size_t total = 0, at = 0;
    bool failed = false, first = true;
    for (int i = 0; i < node->count; i++) {
        v[i] = ref_eval(node->args[i], row);
        failed = failed || v[i].failed;
        total += v[i].len + v[0].len;
    }
    if (failed) {
        return ref_fail();
    }
    if (v[0].null) {
        return ref_null();
    }
    char *out = ref_alloc(total + 1);
    for (int i = 1; i < node->count; i++) {
        if (v[i].null) {
            continue;
        }
        if (!first && v[0].len > 0) {
            memcpy(out + at, v[0].s, v[0].len);
            at += v[0].len;
        }
        if (v[i].len > 0) {
            memcpy(out + at, v[i].s, v[i].len);
        }
        at += v[i].len;
        first = false;
    }
    return ref_str(out, at);
}

static ref_val eval_strict(const ref_node *node, const ref_val *row)
{
    ref_val args[6];
    bool null = false;
    for (int i = 0; i < node->count; i++) {
        args[i] = ref_eval(node->args[i], row);
        if (args[i].failed) {
            return args[i];
        }
        null = null || args[i].null;
    }
    return null ? ref_null() : node->fn(node, args);
}

ref_val ref_eval(const ref_node *node, const ref_val *row)
{
    if (node->sql == NULL) {
        return node->column >= 0 ? row[node->column] : node->literal;
    }
    switch (node->lazy) {
    case REF_AND:
    case REF_OR:
        return eval_logic(node, row);
    case REF_CASE:
        return eval_case(node, row);
    case REF_COALESCE:
        return eval_coalesce(node, row);
    case REF_IS:
        return eval_is(node, row);
    case REF_NULLIF:
    case REF_DISTINCT:
        return eval_two(node, row);
    case REF_IN:
        return eval_in(node, row);
    case REF_BETWEEN:
        return eval_between(node, row);
    case REF_CONCAT_WS:
        return eval_concat_ws(node, row);
    case REF_TRY: {
        /* Only the cast itself is tried; what fails below it fails. */
        ref_val v = ref_eval(node->args[0], row);
        if (v.failed || v.null) {
            return v;
        }
        v = node->fn(node, &v);
        return v.failed ? ref_null() : v;
    }
    default:
        return eval_strict(node, row);
    }
}
