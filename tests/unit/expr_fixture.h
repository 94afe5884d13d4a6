/* What the tests of src/expr share: an account, a simulated or real environment, a session, a
 * builder, and short ways to write types, literals and calls. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expr/expr.h"
#include "expr/program.h"
#include "expr/registry.h"
#include "expr/timezone.h"

typedef struct {
    lt_mem mem;
    lt_env *env;
    lt_arena *arena;
    lt_session session;
    lt_expr_builder b;
    lt_error err;
} fix;

static inline void fix_zone(fix *f, const char *name)
{
    const lt_zone *zone = NULL;
    assert_int_equal(lt_zone_load(f->env, lt_str_of(name), f->arena, &zone, &f->err), LT_OK);
    f->session.zone = zone;
    f->session.time_zone = lt_str_of(name);
}

static inline void fix_open(fix *f)
{
    memset(f, 0, sizeof *f);
    lt_mem_init(&f->mem, NULL, "test", 0);
    f->env = lt_env_real_new(&f->mem);
    f->arena = lt_arena_new(&f->mem, (size_t)1 << 30);
    assert_non_null(f->arena);
    f->session.mem = &f->mem;
    f->session.env = f->env;
    fix_zone(f, "UTC");
    f->b = (lt_expr_builder){.arena = f->arena, .session = &f->session, .fold = true};
}

static inline void fix_close(fix *f)
{
    lt_arena_free(f->arena);
    lt_env_real_free(f->env);
    assert_int_equal(f->mem.bytes, 0);
    lt_mem_deinit(&f->mem);
}

static inline const lt_type *ty(fix *f, lt_type_kind kind)
{
    return lt_type_new(f->arena, kind, true);
}

static inline const lt_type *ty_string(fix *f)
{
    return lt_type_sized(f->arena, LT_TYPE_VARCHAR, LT_LENGTH_MAX, true);
}

static inline lt_expr *col(fix *f, uint32_t index, const lt_type *type)
{
    lt_expr *out = NULL;
    assert_int_equal(lt_expr_column(&f->b, index, type, 0, &out, &f->err), LT_OK);
    return out;
}

static inline lt_expr *lit_int(fix *f, int64_t number, lt_type_kind kind)
{
    lt_value v = {.type = lt_type_new(f->arena, kind, false)};
    lt_expr *out = NULL;
    v.u.i = number;
    assert_int_equal(lt_expr_literal(&f->b, &v, 0, &out, &f->err), LT_OK);
    return out;
}

static inline lt_expr *lit_bool(fix *f, bool truth)
{
    lt_value v = {.type = lt_type_new(f->arena, LT_TYPE_BOOLEAN, false)};
    lt_expr *out = NULL;
    v.u.b = truth;
    assert_int_equal(lt_expr_literal(&f->b, &v, 0, &out, &f->err), LT_OK);
    return out;
}

static inline lt_expr *lit_str(fix *f, const char *text)
{
    lt_value v = {.type = lt_type_sized(f->arena, LT_TYPE_CHAR, (int32_t)strlen(text), false)};
    lt_expr *out = NULL;
    v.u.s = lt_str_of(text);
    assert_int_equal(lt_expr_literal(&f->b, &v, 0, &out, &f->err), LT_OK);
    return out;
}

static inline lt_expr *lit_symbol(fix *f, const char *text)
{
    lt_value v = {.type = lt_type_new(f->arena, LT_TYPE_SYMBOL, false)};
    lt_expr *out = NULL;
    v.u.s = lt_str_of(text);
    assert_int_equal(lt_expr_literal(&f->b, &v, 0, &out, &f->err), LT_OK);
    return out;
}

static inline lt_expr *lit_null(fix *f)
{
    lt_value v = {.type = lt_type_new(f->arena, LT_TYPE_NULL, true), .is_null = true};
    lt_expr *out = NULL;
    assert_int_equal(lt_expr_literal(&f->b, &v, 0, &out, &f->err), LT_OK);
    return out;
}

static inline lt_status try_call(fix *f, const char *name, lt_expr **out, uint32_t count,
                                 lt_expr **args)
{
    lt_error_clear(&f->err);
    return lt_expr_call(&f->b, lt_str_of(name), args, count, 0, out, &f->err);
}

#define CALL_ARGS(...)                                                      \
    (sizeof((lt_expr *[]){__VA_ARGS__}) / sizeof(lt_expr *)), (lt_expr *[]) \
    {                                                                       \
        __VA_ARGS__                                                         \
    }

static inline lt_expr *call_n(fix *f, const char *name, size_t count, lt_expr **args)
{
    lt_expr *out = NULL;
    lt_status st = try_call(f, name, &out, (uint32_t)count, args);
    if (st != LT_OK) {
        fail_msg("%s: %s", name, f->err.text);
    }
    return out;
}
#define call(f, name, ...) call_n(f, name, CALL_ARGS(__VA_ARGS__))

static inline lt_expr *cast_to(fix *f, lt_expr *arg, const lt_type *type, bool try_cast)
{
    lt_expr *out = NULL;
    lt_status st = lt_expr_cast(&f->b, arg, type, try_cast, 0, &out, &f->err);
    if (st != LT_OK) {
        fail_msg("cast: %s", f->err.text);
    }
    return out;
}

/* The SQL text of a constant expression; "NULL", or "!" and the message when it fails. Lives in the
 * arena. */
static inline const char *text_of(fix *f, lt_expr *expr)
{
    lt_value v;
    lt_expr *text = cast_to(f, expr, ty_string(f), false);
    lt_error_clear(&f->err);
    lt_status st = lt_expr_eval_const(&f->session, text, f->arena, &v, &f->err);
    if (st == LT_ERR_DATA) {
        return lt_arena_printf(f->arena, "!%s", f->err.text);
    }
    assert_int_equal(st, LT_OK);
    return v.is_null ? "NULL" : lt_arena_strndup(f->arena, v.u.s.ptr, v.u.s.len);
}

static inline const char *type_text(fix *f, const lt_type *type)
{
    lt_text text;
    lt_text_init(&text, &f->mem);
    lt_type_print(type, &text);
    const char *copy = lt_arena_strndup(f->arena, text.ptr, text.len);
    lt_text_deinit(&text);
    return copy;
}
