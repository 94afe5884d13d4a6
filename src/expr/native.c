/* Functions of libraries: descriptors, types, scalar calls.
 *
 * A call is one kernel for all functions. It hands the batch's columns over as they are (strings as
 * views of pointer and length), lets the function write into the result's own array, and looks at
 * what came back: a value that its type does not allow would break what comes after it. Calls are
 * never folded into constants: planning a statement runs no foreign code. */
#include "expr/native_int.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "expr/cast.h"
#include "expr/decimal.h"
#include "expr/utf8.h"

#define MS_PER_DAY     86400000
#define RESULT_LEN_MAX ((size_t)INT32_MAX)
#define STATE_SIZE_MAX 4096

_Static_assert(sizeof(leat_udf_i128) == sizeof(lt_i128), "the same 16 bytes");
_Static_assert(sizeof(leat_udf_ts9) == sizeof(lt_ts9), "the same 16 bytes");
_Static_assert(offsetof(leat_udf_ts9, ns_of_ms) == offsetof(lt_ts9, ns_of_ms), "in the same order");

/* ---- descriptors ---- */

static lt_status refuse(lt_error *err, const char *what, const char *fmt, ...) LT_PRINTF(3, 4);
static lt_status refuse(lt_error *err, const char *what, const char *fmt, ...)
{
    char why[200];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    return lt_error_set(err, LT_ERR_SQL, "%s %s", what, why);
}

/* Bytes behind what this engine knows must be zero: something is asked for otherwise. */
static bool has_more(const uint8_t *bytes, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (bytes[i] != 0) {
            return true;
        }
    }
    return false;
}

static lt_status read_head(const void *symbol, const char *what, leat_udf *out, lt_error *err)
{
    const leat_udf *given = (const leat_udf *)symbol;
    if (memcmp(given->magic, "leatudf", sizeof given->magic) != 0) {
        lt_status st = refuse(err, what, "is no leat function: it does not begin as one");
        lt_error_hint(err, "the symbol is a constant of type leat_udf that starts with "
                           "LEAT_UDF_HEAD, see leat/udf.h");
        return st;
    }
    if (given->abi != LEAT_UDF_ABI) {
        lt_status st = refuse(err, what, "was built for ABI %" PRIu32 " of leat/udf.h, and not %u",
                              given->abi, LEAT_UDF_ABI);
        lt_error_hint(err, "build the library again with this leat's header");
        return st;
    }
    if (given->size < offsetof(leat_udf, finish) + sizeof given->finish || given->size > 65536) {
        return refuse(err, what, "has a descriptor of %" PRIu32 " bytes: leat/udf.h has %zu",
                      given->size, sizeof *given);
    }
    if (given->size > sizeof *given && has_more(symbol, sizeof *given, given->size)) {
        lt_status st = refuse(err, what, "uses members that this leat does not know");
        lt_error_hint(err, "it was built with a newer leat/udf.h");
        return st;
    }
    memcpy(out, given, LT_MIN(sizeof *out, (size_t)given->size));
    return LT_OK;
}

static lt_status check_udf(const leat_udf *udf, const char *what, lt_error *err)
{
    const uint32_t known = LEAT_UDF_DETERMINISTIC | LEAT_UDF_CALLED_ON_NULL | LEAT_UDF_ANY_ORDER;
    if ((udf->flags & ~known) != 0) {
        return refuse(err, what, "has unknown flags 0x%" PRIx32, udf->flags & ~known);
    }
    if (udf->arg_count > LT_NATIVE_ARGS_MAX || (udf->arg_count > 0 && udf->arg_types == NULL)) {
        return refuse(err, what, "has %" PRIu32 " arguments%s", udf->arg_count,
                      udf->arg_types == NULL ? " without types" : ": 64 is the most");
    }
    if (udf->result_type == NULL) {
        return refuse(err, what, "has no result_type");
    }
    for (uint32_t i = 0; i < udf->arg_count; i++) {
        if (udf->arg_types[i] == NULL) {
            return refuse(err, what, "has no type for argument %" PRIu32, i + 1);
        }
    }
    if (udf->kind == LEAT_UDF_SCALAR) {
        return udf->eval != NULL ? LT_OK : refuse(err, what, "has no eval()");
    }
    if (udf->kind != LEAT_UDF_AGGREGATE) {
        return refuse(err, what, "is of an unknown kind, %" PRIu32, udf->kind);
    }
    if (udf->update == NULL || udf->merge == NULL || udf->finish == NULL) {
        return refuse(err, what, "is an aggregate without %s()",
                      udf->update == NULL  ? "update"
                      : udf->merge == NULL ? "merge"
                                           : "finish");
    }
    if (udf->state_size == 0 || udf->state_size > STATE_SIZE_MAX) {
        return refuse(err, what, "has a state_size of %" PRIu32 ", and not of 1 to %d bytes",
                      udf->state_size, STATE_SIZE_MAX);
    }
    if (udf->open != NULL || udf->close != NULL) {
        return refuse(err, what,
                      "is an aggregate with open() or close(): only scalar functions "
                      "have them");
    }
    if ((udf->flags & LEAT_UDF_DETERMINISTIC) == 0) {
        return refuse(err, what,
                      "is an aggregate without LEAT_UDF_DETERMINISTIC: what a restored "
                      "job gives must be what it would have given");
    }
    return udf->arg_count > 0 ? LT_OK : refuse(err, what, "is an aggregate without arguments");
}

lt_status lt_native_new(lt_arena *arena, lt_str name, const void *symbol, const char *what,
                        lt_native **out, lt_error *err)
{
    lt_native *native = LT_NEW(arena, lt_native);
    if (native == NULL) {
        return lt_error_nomem(err, "a function");
    }
    LT_TRY(read_head(symbol, what, &native->udf, err));
    LT_TRY(check_udf(&native->udf, what, err));
    uint32_t count = native->udf.arg_count;
    native->name = lt_arena_strndup(arena, name.ptr, name.len);
    native->types = LT_NEW_ARRAY(arena, const lt_type *, count + 1);
    native->texts = LT_NEW_ARRAY(arena, const char *, count + 1);
    if (native->name == NULL || native->types == NULL || native->texts == NULL) {
        return lt_error_nomem(err, "a function");
    }
    for (uint32_t i = 0; i <= count; i++) {
        const char *text = i < count ? native->udf.arg_types[i] : native->udf.result_type;
        native->texts[i] = lt_arena_strndup(arena, text, strlen(text));
        if (native->texts[i] == NULL) {
            return lt_error_nomem(err, "a function");
        }
    }
    *out = native;
    return LT_OK;
}

const char *lt_native_type_text(const lt_native *native, uint32_t index)
{
    return native->texts[index];
}

uint32_t lt_native_arg_count(const lt_native *native)
{
    return native->udf.arg_count;
}

bool lt_native_is_aggregate(const lt_native *native)
{
    return native->udf.kind == LEAT_UDF_AGGREGATE;
}

bool lt_native_is_deterministic(const lt_native *native)
{
    return (native->udf.flags & LEAT_UDF_DETERMINISTIC) != 0;
}

bool lt_native_any_order(const lt_native *native)
{
    return (native->udf.flags & LEAT_UDF_ANY_ORDER) != 0;
}

uint32_t lt_native_version(const lt_native *native)
{
    return native->udf.version;
}

const lt_type *lt_native_type(const lt_native *native, uint32_t index)
{
    return native->types[index];
}

const char *lt_native_signature(const lt_native *native)
{
    return native->signature;
}

/* Does leat/udf.h say what its values look like? */
static const char *no_form(const lt_type *type)
{
    switch (type->kind) {
    case LT_TYPE_BOOLEAN:
    case LT_TYPE_TINYINT:
    case LT_TYPE_SMALLINT:
    case LT_TYPE_INT:
    case LT_TYPE_BIGINT:
    case LT_TYPE_FLOAT:
    case LT_TYPE_DOUBLE:
    case LT_TYPE_DECIMAL:
    case LT_TYPE_DATE:
    case LT_TYPE_TIME:
    case LT_TYPE_TIMESTAMP:
    case LT_TYPE_TIMESTAMP_LTZ:
    case LT_TYPE_INTERVAL_MONTH:
    case LT_TYPE_INTERVAL_SECOND:
        return NULL;
    case LT_TYPE_VARCHAR:
        return type->length == LT_LENGTH_MAX ? NULL : "write STRING";
    case LT_TYPE_VARBINARY:
        return type->length == LT_LENGTH_MAX ? NULL : "write BYTES";
    case LT_TYPE_CHAR:
        return "write STRING";
    case LT_TYPE_BINARY:
        return "write BYTES";
    case LT_TYPE_NULL:
    case LT_TYPE_ARRAY:
    case LT_TYPE_MAP:
    case LT_TYPE_MULTISET:
    case LT_TYPE_ROW:
    case LT_TYPE_VARIANT:
    case LT_TYPE_DESCRIPTOR:
    case LT_TYPE_SYMBOL:
    case LT_TYPE_KIND_COUNT:
        break;
    }
    return "leat/udf.h lists the types that there are";
}

lt_status lt_native_set_type(lt_native *native, uint32_t index, const lt_type *type, lt_error *err)
{
    const char *hint = no_form(type);
    bool is_arg = index < native->udf.arg_count;
    if (hint == NULL && is_arg && !type->nullable) {
        hint = "leave out NOT NULL: without LEAT_UDF_CALLED_ON_NULL no NULL is shown";
    }
    if (hint != NULL) {
        lt_status st =
            lt_error_set(err, LT_ERR_SQL, "the function %s cannot have %s of type '%s'",
                         native->name, is_arg ? "an argument" : "a result", native->texts[index]);
        lt_error_hint(err, "%s", hint);
        return st;
    }
    native->types[index] = type;
    return LT_OK;
}

static lt_status never_infers(lt_infer *in, lt_error *err)
{
    return lt_error_set_at(err, LT_ERR_INTERNAL, in->pos, "a function of a library has no name");
}

lt_status lt_native_seal(lt_native *native, lt_arena *arena, lt_error *err)
{
    const char *text = lt_arena_printf(arena, "%s(", native->name);
    uint32_t count = native->udf.arg_count;
    for (uint32_t i = 0; i < count && text != NULL; i++) {
        text = lt_arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "", native->texts[i]);
    }
    text = text == NULL ? NULL : lt_arena_printf(arena, "%s) -> %s", text, native->texts[count]);
    if (text == NULL) {
        return lt_error_nomem(err, "a function");
    }
    native->signature = text;
    uint32_t flags = LT_FUNC_KEEP;
    flags |= (native->udf.flags & LEAT_UDF_CALLED_ON_NULL) != 0 ? LT_FUNC_NULLS : 0;
    flags |= lt_native_is_deterministic(native) ? 0 : LT_FUNC_NONDET | LT_FUNC_PER_ROW;
    native->func = (lt_func){.name = native->name,
                             .min_args = (uint16_t)count,
                             .max_args = (uint16_t)count,
                             .category = LT_CAT_AUXILIARY,
                             .flags = flags,
                             .infer = never_infers,
                             .signature = text,
                             .doc = ""};
    return lt_native_is_aggregate(native) ? lt_native_bind_class(native, err) : LT_OK;
}

/* ---- columns ---- */

static leat_udf_str view_of(const lt_col *col, uint32_t row)
{
    const lt_strv *view = &LT_COL_DATA(col, const lt_strv)[row];
    return lt_col_is_null(col, row) ? (leat_udf_str){"", 0}
                                    : (leat_udf_str){lt_strv_ptr(view), view->len};
}

bool lt_native_column(leat_udf_column *to, const lt_col *col, uint32_t mask,
                      const leat_udf_rows *rows, lt_arena *scratch)
{
    *to = (leat_udf_column){.data = col->data, .valid = col->valid, .mask = mask};
    if (col->phys != LT_PHYS_STR) {
        return true;
    }
    uint32_t count = mask == 0 ? 1 : rows->capacity;
    leat_udf_str *views = lt_arena_alloc(scratch, sizeof *views * (count + (size_t)1), 16);
    if (views == NULL) {
        return false;
    }
    to->data = views;
    if (mask == 0) {
        views[0] = view_of(col, 0);
        return true;
    }
    /* What lies in rows that do not count may be anything. */
    for (uint32_t i = 0; i < count; i++) {
        views[i] = (leat_udf_str){"", 0};
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = leat_udf_row(rows, i);
        views[row] = view_of(col, row);
    }
    return true;
}

void *lt_native_results(lt_col *out, uint32_t capacity, lt_arena *scratch)
{
    if (out->phys != LT_PHYS_STR) {
        return out->data;
    }
    return lt_arena_zalloc(scratch, sizeof(leat_udf_str) * ((size_t)capacity + 1), 16);
}

/* ---- what came back ---- */

#define EACH_RESULT(t, row)                                                                       \
    for (uint32_t i_##row = 0, row = 0;                                                           \
         i_##row < (t)->rows->count && (row = leat_udf_row((t)->rows, i_##row), true); i_##row++) \
        if (!lt_col_is_null((t)->out, row))

static void take_strings(const lt_native_take *t)
{
    const leat_udf_str *from = (const leat_udf_str *)t->results;
    lt_strv *to = LT_COL_DATA(t->out, lt_strv);
    bool text = lt_type_is_string(t->out->type);
    EACH_RESULT(t, row)
    {
        leat_udf_str s = from[row];
        const char *why = s.len > RESULT_LEN_MAX       ? "a result that is too long"
                          : s.ptr == NULL && s.len > 0 ? "a result without bytes"
                          : text && s.len > 0 && !lt_utf8_is_valid((lt_str){s.ptr, s.len})
                              ? "a result that is not UTF-8"
                              : NULL;
        to[row] = why == NULL ? lt_strv_make(s.ptr, s.len) : lt_strv_make("", 0);
        if (why != NULL) {
            t->bad(t->arg, row, why);
        }
    }
}

static lt_i128 power_of_ten(int exponent)
{
    lt_i128 value = 1;
    for (int i = 0; i < exponent; i++) {
        value *= 10;
    }
    return value;
}

static void check_decimals(const lt_native_take *t)
{
    const lt_i128 limit = power_of_ten(t->out->type->precision);
    bool wide = lt_decimal_wide(t->out->type);
    EACH_RESULT(t, row)
    {
        lt_i128 value = lt_decimal_load(t->out->data, wide, row);
        if (value >= limit || value <= -limit) {
            t->bad(t->arg, row, "a DECIMAL with too many digits");
        }
    }
}

static void check_times(const lt_native_take *t)
{
    EACH_RESULT(t, row)
    {
        int32_t ms = LT_COL_DATA(t->out, int32_t)[row];
        if (ms < 0 || ms >= MS_PER_DAY) {
            t->bad(t->arg, row, "a TIME that is not within a day");
        }
    }
}

static void check_ts9(const lt_native_take *t)
{
    EACH_RESULT(t, row)
    {
        lt_ts9 *ts = &LT_COL_DATA(t->out, lt_ts9)[row];
        ts->unused = 0;
        if (ts->ns_of_ms < 0 || ts->ns_of_ms > 999999) {
            t->bad(t->arg, row, "a TIMESTAMP whose nanoseconds are not 0 to 999999");
        }
    }
}

static void check_nulls(const lt_native_take *t)
{
    for (uint32_t i = 0; i < t->rows->count; i++) {
        uint32_t row = leat_udf_row(t->rows, i);
        if (lt_col_is_null(t->out, row)) {
            t->bad(t->arg, row, "NULL, though its result is NOT NULL");
        }
    }
}

void lt_native_take_results(const lt_native_take *t)
{
    uint32_t count = lt_native_arg_count(t->native);
    if (t->out->phys == LT_PHYS_STR) {
        take_strings(t);
    } else if (t->out->phys == LT_PHYS_BOOL) {
        uint8_t *values = LT_COL_DATA(t->out, uint8_t);
        EACH_RESULT(t, row)
        {
            values[row] = values[row] != 0;
        }
    } else if (t->out->phys == LT_PHYS_TS9) {
        check_ts9(t);
    } else if (t->out->type->kind == LT_TYPE_DECIMAL) {
        check_decimals(t);
    } else if (t->out->type->kind == LT_TYPE_TIME) {
        check_times(t);
    }
    /* Rows whose NULL arguments make them NULL are not among those that were asked for. */
    if (!t->native->types[count]->nullable && t->out->valid != NULL) {
        check_nulls(t);
    }
}

/* ---- the kernel ---- */

/* One place of a call in one program. */
typedef struct {
    lt_mem *mem;
    const lt_native *native;
    void *user;
    void (*close)(leat_udf_ctx *ctx);
} site;

/* The public part comes first. */
typedef struct {
    leat_udf_ctx pub;
    lt_kctx *k;
    bool failed; /* fail() was called */
    char why[200];
} call_ctx;

static void *ctx_alloc(leat_udf_ctx *ctx, size_t size)
{
    lt_kctx *k = ((call_ctx *)ctx)->k;
    return k == NULL || size > RESULT_LEN_MAX ? NULL : lt_k_bytes(k, size);
}

static uint64_t *ctx_validity(leat_udf_ctx *ctx)
{
    lt_kctx *k = ((call_ctx *)ctx)->k;
    if (k != NULL && k->out->valid == NULL) {
        lt_k_null_slow(k);
    }
    return k != NULL && !k->nomem ? k->out->valid : NULL;
}

static void ctx_fail(leat_udf_ctx *ctx, const char *why)
{
    call_ctx *self = (call_ctx *)ctx;
    self->failed = true;
    (void)snprintf(self->why, sizeof self->why, "%s", why != NULL ? why : "it failed");
}

static void ctx_fail_row(leat_udf_ctx *ctx, uint32_t row, const char *why)
{
    call_ctx *self = (call_ctx *)ctx;
    if (self->k == NULL || row >= self->k->rows) {
        ctx_fail(ctx, why);
        return;
    }
    lt_k_fail(self->k, row, "user-function", "%s: %s", ctx->name,
              why != NULL ? why : "the row failed");
}

static void init_ctx(call_ctx *ctx, lt_kctx *k, const site *at)
{
    memset(ctx, 0, sizeof *ctx);
    ctx->pub.abi = LEAT_UDF_ABI;
    ctx->pub.size = (uint32_t)sizeof ctx->pub;
    ctx->pub.user = at->user;
    ctx->pub.name = at->native->name;
    ctx->pub.alloc = ctx_alloc;
    ctx->pub.validity = ctx_validity;
    ctx->pub.fail_row = ctx_fail_row;
    ctx->pub.fail = ctx_fail;
    ctx->k = k;
}

static void site_free(void *ptr)
{
    site *at = (site *)ptr;
    if (at->close != NULL) {
        call_ctx ctx;
        init_ctx(&ctx, NULL, at);
        at->close(&ctx.pub);
    }
    lt_mem_free(at->mem, at, sizeof *at);
}

static lt_status site_open(lt_kctx *k, const leat_udf_column *columns, site **out, lt_error *err)
{
    const lt_native *native = (const lt_native *)k->data;
    site *at = lt_mem_zalloc(k->mem, sizeof *at);
    if (at == NULL) {
        return lt_error_nomem(err, "a function");
    }
    at->mem = k->mem;
    at->native = native;
    if (native->udf.open != NULL) {
        leat_udf_column constants[LT_NATIVE_ARGS_MAX];
        call_ctx ctx;
        for (uint32_t i = 0; i < k->arg_count; i++) {
            bool constant = k->args[i].mask == 0;
            constants[i] = constant ? columns[i] : (leat_udf_column){.mask = columns[i].mask};
        }
        init_ctx(&ctx, NULL, at);
        int32_t code = native->udf.open(&ctx.pub, constants);
        at->user = ctx.pub.user;
        if (code != 0 || ctx.failed) {
            lt_mem_free(k->mem, at, sizeof *at);
            return lt_error_set_at(err, LT_ERR_DATA, k->call->pos, "%s: open: %s", native->name,
                                   ctx.failed ? ctx.why : "it failed");
        }
    }
    at->close = native->udf.close;
    lt_k_keep(k, at, site_free);
    *out = at;
    return LT_OK;
}

static void bad_result(void *arg, uint32_t row, const char *why)
{
    call_ctx *ctx = (call_ctx *)arg;
    lt_k_fail(ctx->k, row, "user-function", "%s gave %s", ctx->pub.name, why);
}

static void fail_all(lt_kctx *k, const call_ctx *ctx, int32_t code)
{
    LT_EACH(k, row)
    {
        if (ctx->failed) {
            lt_k_fail(k, row, "user-function", "%s: %s", ctx->pub.name, ctx->why);
        } else {
            lt_k_fail(k, row, "user-function", "%s: it failed with code %" PRId32, ctx->pub.name,
                      code);
        }
    }
}

static lt_status call_kernel(lt_kctx *k, lt_error *err)
{
    const lt_native *native = (const lt_native *)k->data;
    leat_udf_column columns[LT_NATIVE_ARGS_MAX];
    leat_udf_rows rows = {.rows = k->sel, .count = k->count, .capacity = k->cap};
    if (k->count == 0) {
        return LT_OK;
    }
    for (uint32_t i = 0; i < k->arg_count; i++) {
        if (!lt_native_column(&columns[i], k->args[i].col, k->args[i].mask, &rows, k->scratch)) {
            return lt_error_nomem(err, "arguments");
        }
    }
    site *at = (site *)lt_k_kept(k);
    if (at == NULL) {
        LT_TRY(site_open(k, columns, &at, err));
    }
    void *results = lt_native_results(k->out, k->cap, k->scratch);
    if (results == NULL) {
        return lt_error_nomem(err, "results");
    }
    call_ctx ctx;
    init_ctx(&ctx, k, at);
    int32_t code = native->udf.eval(&ctx.pub, &rows, columns, results);
    at->user = ctx.pub.user;
    if (k->nomem) {
        return lt_error_nomem(err, "results of a function");
    }
    if (code != 0 || ctx.failed) {
        fail_all(k, &ctx, code);
        return LT_OK;
    }
    const lt_native_take take = {.native = native,
                                 .rows = &rows,
                                 .out = k->out,
                                 .results = results,
                                 .bad = bad_result,
                                 .arg = &ctx};
    lt_native_take_results(&take);
    return LT_OK;
}

/* ---- calls ---- */

static lt_status refuse_args(lt_expr_builder *b, const lt_native *native, lt_expr *const *args,
                             uint32_t count, uint32_t pos, lt_error *err)
{
    lt_text text;
    lt_text_init(&text, b->session->mem);
    for (uint32_t i = 0; i < count; i++) {
        lt_text_puts(&text, i > 0 ? ", " : "");
        if (args[i]->type->kind == LT_TYPE_NULL) {
            lt_text_puts(&text, "NULL");
        } else {
            lt_type_print(args[i]->type, &text);
        }
    }
    lt_str types = lt_text_str(&text);
    lt_status st = lt_error_set_at(err, LT_ERR_SQL, pos, "cannot apply %s to (" LT_STR_FMT ")",
                                   native->name, LT_STR_ARG(types));
    lt_error_hint(err, "supported: %s", native->signature);
    lt_text_deinit(&text);
    return st;
}

lt_status lt_native_cast_args(lt_expr_builder *b, const lt_native *native, lt_expr **args,
                              uint32_t count, uint32_t pos, lt_error *err)
{
    bool fits = count == native->udf.arg_count;
    for (uint32_t i = 0; i < count && fits; i++) {
        fits = args[i]->type->kind == LT_TYPE_NULL ||
               (args[i]->type->kind != LT_TYPE_SYMBOL &&
                lt_type_can_coerce(args[i]->type, native->types[i]));
    }
    if (!fits) {
        return refuse_args(b, native, args, count, pos, err);
    }
    for (uint32_t i = 0; i < count; i++) {
        bool nullable = args[i]->type->nullable || lt_expr_is_null_literal(args[i]);
        const lt_type *to = lt_type_with_nullable(b->arena, native->types[i], nullable);
        if (to == NULL) {
            return lt_error_nomem(err, "type");
        }
        LT_TRY(lt_expr_convert(b, args[i], to, &args[i], err));
    }
    return LT_OK;
}

lt_status lt_native_call(lt_expr_builder *b, const lt_native *native, lt_expr *const *args,
                         uint32_t arg_count, uint32_t pos, lt_expr **out, lt_error *err)
{
    lt_infer in = {.b = b,
                   .func = &native->func,
                   .pos = pos,
                   .count = arg_count,
                   .flags = native->func.flags,
                   .kernel = call_kernel,
                   .data = native};
    LT_ASSERT(!lt_native_is_aggregate(native));
    in.args = LT_NEW_ARRAY(b->arena, lt_expr *, arg_count + 1);
    if (in.args == NULL) {
        return lt_error_nomem(err, "expression");
    }
    for (uint32_t i = 0; i < arg_count; i++) {
        in.args[i] = args[i];
    }
    LT_TRY(lt_native_cast_args(b, native, in.args, arg_count, pos, err));
    const lt_type *result = native->types[native->udf.arg_count];
    bool nullable = result->nullable ||
                    ((native->udf.flags & LEAT_UDF_CALLED_ON_NULL) == 0 && lt_in_nullable(&in));
    in.type = lt_type_with_nullable(b->arena, result, nullable);
    return lt_expr_finish(&in, out, err);
}

const lt_native *lt_native_of(const lt_expr *expr)
{
    bool is = expr->kind == LT_NODE_CALL && lt_expr_bound(expr)->kernel == call_kernel;
    return is ? (const lt_native *)lt_expr_bound(expr)->data : NULL;
}
